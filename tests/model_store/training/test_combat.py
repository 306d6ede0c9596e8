"""Features are harmonised between scanners by the training part of each fold, and by nothing else."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from model_store.cohort.feature_table import FeatureTable
from model_store.cohort.labelled_cohort import LabelledCohort
from model_store.errors import TrainingError
from model_store.training.combat import FEWEST_TO_FIT, fit_combat, harmonised, with_scanners
from model_store.training.forest import Candidate, train
from model_store.training.model_families import FOREST, fit
from model_store.training.nested_cross_validation import nested_cross_validation

MakeTable = Callable[..., FeatureTable]
CANDIDATE = Candidate(6, 3, 4, 20)
QUICK = replace(FOREST, candidates=(CANDIDATE,))


def at_three_scanners(table: FeatureTable, columns: int = 120) -> FeatureTable:
    """Return the first columns of a table as three scanners would measure them: each scales and moves every column."""
    scanners = np.array([f"maker {index // 2 % 3}" for index in range(len(table.patients))])
    rng = np.random.default_rng(7)
    values = table.values[:, :columns].copy()
    for name in sorted(set(scanners.tolist())):
        values[scanners == name] = values[scanners == name] * rng.uniform(0.5, 2, columns) + rng.normal(0, 4, columns)
    return replace(table, columns=table.columns[:columns], values=values, scanners=tuple(scanners.tolist()))


def test_an_effect_that_scanners_hide_is_found_again(make_table: MakeTable) -> None:
    """The nested AUC of harmonised features is above chance and above that of features as they were measured."""
    table = at_three_scanners(make_table(4, cases=120, effect=1.0))
    found, raw = (
        nested_cross_validation(one, [QUICK], 1, 0)[0].estimate("auc") for one in (table, replace(table, scanners=None))
    )
    assert found.low > 0.5
    assert found.value > raw.value + 0.05


def test_noise_stays_noise(make_table: MakeTable) -> None:
    """Harmonising teaches nothing where there is nothing: the interval contains one half."""
    table = at_three_scanners(make_table(5, cases=90, effect=0.0))
    interval = nested_cross_validation(table, [QUICK], 1, 0)[0].estimate("auc")
    assert interval.low <= 0.5 <= interval.high


def test_held_out_cases_have_no_say(make_table: MakeTable) -> None:
    """What a model makes of a case depends on its training part and on this case alone."""
    table = at_three_scanners(make_table(6, cases=90))
    rest, held_out = table.rows(np.arange(60)), table.rows(np.arange(60, 90))
    model = fit(rest, CANDIDATE, 1)
    together = model.probability(held_out)
    alone = [model.probability(held_out.rows(np.array([row])))[0] for row in range(30)]
    assert together.tolist() == alone


def test_scanners_of_few_cases_or_unknown_ones_stay_as_they_were_measured(make_table: MakeTable) -> None:
    """In the fit and afterwards; so do columns that do not vary in one of the scanners, as in sva."""
    table = at_three_scanners(make_table(6, cases=60))
    few = tuple("rare" if row < FEWEST_TO_FIT - 1 else name for row, name in enumerate(table.scanners or ()))
    table.values[np.array(few) == "maker 1", 3] = 5.0
    combat = fit_combat(replace(table, scanners=few))
    assert set(combat.maps) == {"maker 0", "maker 1", "maker 2"}
    applied = combat.apply(replace(table, scanners=few))
    rare = np.array(few) == "rare"
    assert (applied.values[rare] == table.values[rare]).all()
    assert (applied.values[:, 3] == table.values[:, 3]).all()
    assert applied.scanners is None
    one = replace(table, scanners=("maker 0",) * 60)
    assert (harmonised(one)[0].values == table.values).all()


def test_redrawn_outlines_are_harmonised_like_their_cases(make_table: MakeTable) -> None:
    """Redraws that equal their case still equal it afterwards."""
    table = at_three_scanners(make_table(6, cases=60))
    found, _ = harmonised(replace(table, redraws=np.repeat(table.values[:, None], 2, axis=1)))
    assert found.redraws is not None
    assert (found.redraws[:, 1] == found.values).all()


def test_a_bundle_freezes_what_training_did(make_table: MakeTable) -> None:
    """The harmonisation of the published columns gives the values that the forest was fitted on, bit by bit."""
    table = at_three_scanners(make_table(4, cases=90))
    trained = train(table, 1, QUICK.candidates)
    assert trained.combat is not None
    frozen = trained.combat.frozen(trained.columns)
    taken, measured = trained.harmonised(table).matrix(trained.columns), table.matrix(trained.columns)
    for row, scanner in enumerate(table.scanners or ()):
        assert (frozen.apply(measured[row : row + 1], scanner.upper()) == taken[row : row + 1]).all()
    assert (taken != measured).any()


def test_a_cohort_needs_two_scanners_with_enough_cases(make_table: MakeTable) -> None:
    """Cases of a rare or unnamed scanner are left out and counted; one scanner alone is refused."""
    table = make_table(1, cases=40)
    names = ["Maker-A  One"] * 15 + ["maker a one"] * 5 + ["B"] * 12 + ["C"] * 5 + [None] * 3
    cohort = with_scanners(LabelledCohort(table, pd.DataFrame({"scanner": names}), {}))
    assert cohort.table.scanners == ("maker a one",) * 20 + ("b",) * 12
    assert list(cohort.left_out.values()) == [8]
    assert len(cohort.cases) == 32
    with pytest.raises(TrainingError, match="expected two scanners with 10"):
        with_scanners(LabelledCohort(table, pd.DataFrame({"scanner": ["A"] * 35 + ["B"] * 5}), {}))
    with pytest.raises(TrainingError, match="no column scanner"):
        with_scanners(LabelledCohort(table, pd.DataFrame({"site": names}), {}))
