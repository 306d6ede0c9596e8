"""Nested cross-validation measures a training procedure, with an interval that covers the truth."""

import os
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binom

from model_store.cohort.feature_table import FeatureTable
from model_store.computing.cluster import Cluster
from model_store.statistics.fold_scores import corrected_interval, corrected_standard_error
from model_store.training.column_selection import select_columns
from model_store.training.forest import Candidate
from model_store.training.model_families import BOOSTING, ELASTIC_NET, FOREST, Boosting, ElasticNet, Family, fit, words
from model_store.training.nested_cross_validation import (
    nested_cross_validation,
    outer_folds,
)

MakeTable = Callable[..., FeatureTable]
QUICK = Family("random forest", (Candidate(6, 3, 4, 20),))


def shuffled(table: FeatureTable, seed: int) -> FeatureTable:
    """Return the table with shuffled labels."""
    return replace(table, hot=np.random.default_rng(seed).permutation(table.hot))


def test_interval_is_nadeau_and_bengios() -> None:
    """By hand, for two repeats: the variance times (1/5 + 1/4), and 2.262157 = t of 9 degrees of freedom at 97.5 %."""
    values = np.array([0.6, 0.7, 0.8, 0.65, 0.75, 0.7, 0.6, 0.8, 0.7, 0.7])
    error = np.sqrt((0.2 + 0.25) * np.var(values, ddof=1))
    assert corrected_standard_error(values, 5) == pytest.approx(error, rel=1e-12)
    interval = corrected_interval(values, 5)
    assert interval.value == pytest.approx(0.7)
    assert interval.high - interval.value == pytest.approx(2.2621571628 * error, rel=1e-9)


def test_planted_effect_is_measured(make_table: MakeTable) -> None:
    """An effect gives an interval above one half, and the columns that carry it are those that matter held out."""
    nested = nested_cross_validation(make_table(4, cases=100, effect=1.5), [QUICK], 2, 0)[0]
    assert nested.estimate("auc").low > 0.6
    falls: dict[str, float] = {}
    for fold in nested.folds:
        for name, fall in fold.permutation.items():
            falls[name] = falls.get(name, 0.0) + fall
    planted = {f"{region}_f00{index}" for region in ("ring", "tumour") for index in range(4)}
    assert set(sorted(falls, key=lambda name: -falls[name])[:3]) <= planted


def test_shuffled_labels_give_intervals_that_contain_one_half(make_table: MakeTable) -> None:
    """With shuffled labels there is no effect: of 8 cohorts, 5 or more (99.9 % limit of 95 %)."""
    held = 0
    for seed in range(8):
        table = shuffled(make_table(seed, cases=60, effect=1.0), seed)
        interval = nested_cross_validation(table, [QUICK], 1, seed)[0].estimate("auc")
        held += interval.low <= 0.5 <= interval.high
    assert held >= binom.ppf(0.0005, 8, 0.95)


@pytest.mark.timeout(3600)
@pytest.mark.skipif("RADTME_SIMULATIONS" not in os.environ, reason="takes minutes: set RADTME_SIMULATIONS=1")
def test_coverage_under_shuffled_labels_is_nominal(make_table: MakeTable) -> None:
    """Of 100 cohorts with shuffled labels, so many intervals contain 0.5 as 95 % would (99.9 % limits of chance)."""
    held = 0
    for seed in range(100):
        interval = nested_cross_validation(make_table(1000 + seed, cases=60, effect=0.0), [QUICK], 2, seed)[0].estimate(
            "auc"
        )
        held += interval.low <= 0.5 <= interval.high
    assert held >= binom.ppf(0.0005, 100, 0.95), held


def test_selection_outside_the_folds_would_show(make_table: MakeTable) -> None:
    """What nesting prevents: columns chosen on all cases make noise look like skill, far from one half."""
    table = make_table(3, cases=60, effect=0.0)
    leaking = table.without(set(table.columns) - set(select_columns(table, 6)))
    assert nested_cross_validation(leaking, [QUICK], 1, 0)[0].estimate("auc").value > 0.7


def test_every_patient_is_held_out_once_in_each_repeat(make_table: MakeTable) -> None:
    """No patient is on both sides of a fold; the repeats have different folds."""
    table = replace(
        make_table(1, cases=60), patients=tuple(f"P{index // 2 * 2 + index % 2 % 1}" for index in range(60))
    )
    folds = outer_folds(table, 2, 5)
    for fold in folds:
        sides = [{table.patients[i] for i in side} for side in (fold.training, fold.held_out)]
        assert not sides[0] & sides[1]
    for repeat in (0, 1):
        held_out = np.concatenate([fold.held_out for fold in folds if fold.repeat == repeat])
        assert sorted(held_out.tolist()) == list(range(60))
    assert not np.array_equal(folds[0].held_out, folds[5].held_out)


def test_same_seed_gives_same_numbers_in_any_number_of_processes(make_table: MakeTable) -> None:
    """A study can be repeated, on one core or on two."""
    table = make_table(2, cases=30)
    with Cluster(2) as cluster:
        one, two = (nested_cross_validation(table, [QUICK], 1, 7, mapped)[0] for mapped in (map, cluster.map))
    assert one.estimate("auc") == two.estimate("auc")
    assert np.array_equal(one.out_of_fold(len(table.patients)), two.out_of_fold(len(table.patients)))
    assert np.array_equal(one.verdicts(40), two.verdicts(40))


@pytest.mark.parametrize(
    "settings", [ElasticNet(8, 0.5), Boosting(8, 1, trees=20), Candidate(8, 3, 4, 20)], ids=lambda s: type(s).__name__
)
def test_rare_class_is_not_ignored(make_table: MakeTable, settings: ElasticNet | Boosting | Candidate) -> None:
    """With one hot case in ten, the mean score of hot and of cold cases lie around one half: classes weigh the same."""
    table = make_table(5, cases=200, effect=0.0)
    few = table.rows(np.concatenate([np.flatnonzero(table.hot)[:10], np.flatnonzero(~table.hot)[:90]]))
    probability = fit(few, settings, 0).probability(few)
    assert (probability[few.hot].mean() + probability[~few.hot].mean()) / 2 == pytest.approx(0.5, abs=0.12)
    assert probability.mean() < 0.4


def test_families_go_from_simple_to_less_simple() -> None:
    """The order decides which is the simplest within one standard error."""
    for family in (ELASTIC_NET, FOREST, BOOSTING):
        sizes = [(candidate.columns, words(candidate)) for candidate in family.candidates]
        assert [size for size, _ in sizes] == sorted(size for size, _ in sizes)
