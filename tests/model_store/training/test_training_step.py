"""What a training prints while it runs, and which features it names."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from model_store.cohort.feature_table import FeatureTable
from model_store.cohort.labelled_cohort import LabelledCohort
from model_store.cohort.plan import LabelTable
from model_store.errors import TrainingError
from model_store.training.combat import complete_of_scanners, with_scanners
from model_store.training.plan import TrainPlan
from model_store.training.step import run_training, train_inputs

MakeTable = Callable[..., FeatureTable]


def write_tables(folder: Path, table: FeatureTable) -> TrainPlan:
    """Write a feature table of two sites, a control table and labels; return a quick plan on them."""
    features = pd.DataFrame(table.values, columns=list(table.columns))
    names = {"case": list(table.patients), "patient": list(table.patients), "reason": ""}
    names["site"] = ["north" if number % 4 < 2 else "south" for number in range(len(table.patients))]
    features = pd.concat([pd.DataFrame(names), features], axis=1)
    features.to_parquet(folder / "features.parquet")
    shuffled = features.copy()
    shuffled[list(table.columns)] = np.random.default_rng(9).normal(size=table.values.shape)
    shuffled.to_parquet(folder / "control_shuffled_voxels.parquet")
    labels = pd.DataFrame({"patient": table.patients, "phenotype": np.where(table.hot, "hot", "cold")})
    labels.to_csv(folder / "labels.csv", index=False)
    return TrainPlan(
        features=folder / "features.parquet",
        labels=LabelTable(folder / "labels.csv"),
        columns=(6,),
        max_depths=(3,),
        trees=10,
        alternatives=False,
        repeats=1,
    )


def test_every_long_part_tells_how_far_it_is_and_twenty_features_are_named(
    make_table: MakeTable, tmp_path: Path
) -> None:
    """Folds, controls, sites and splits each count up to what they announced: no part is silent.

    The forest takes six features; the table of the top ones has twenty, those of the forest first.
    """
    plan = write_tables(tmp_path, make_table(1, cases=60))
    told: list[tuple[str, int, list[None]]] = []

    def begin(what: str, parts: int) -> Callable[[], None]:
        steps: list[None] = []
        told.append((what, parts, steps))
        return lambda: steps.append(None)

    training = run_training(plan, train_inputs(plan, tmp_path), begin=begin)
    assert [(what, parts) for what, parts, _ in told] == [
        ("evaluating folds", 5),
        ("negative controls", 20),
        ("negative controls", 5),
        ("leaving out sites", 2),
        ("bootstrap samples", 50),
        ("splits as in the paper", 5),
    ]
    assert all(parts == len(steps) for _, parts, steps in told)
    top = training.top_features
    assert len(top) == top["feature"].nunique() == 20
    assert set(top["feature"][:6]) == set(training.trained.columns)
    assert top["in_signature"].tolist() == [True] * 6 + [False] * 14
    for part in (top[:6], top[6:]):
        assert part["importance"].is_monotonic_decreasing
    assert training.paper_split is not None
    assert len(training.paper_split.table()) == 5


def test_cases_that_lack_features_are_named(make_table: MakeTable, tmp_path: Path) -> None:
    """Those cases, not others that moved to their rows."""
    table = make_table(1, cases=60)
    table.values[[3, 59], 0] = np.nan
    plan = write_tables(tmp_path, table)
    training = run_training(plan, train_inputs(plan, tmp_path))
    assert training.incomplete["case"].tolist() == [table.patients[3], table.patients[59]]
    assert training.incomplete["phenotype"].tolist() == ["hot" if table.hot[row] else "cold" for row in (3, 59)]
    assert training.incomplete["lacks"].tolist() == [table.columns[0]] * 2


def test_a_scanner_with_too_few_complete_cases_is_left_out_of_a_harmonised_training(make_table: MakeTable) -> None:
    """A third scanner with 12 cases, of which 3 lack a feature: too few for a fit in every fold."""
    table = make_table(1, cases=120)
    table.values[:3, 0] = np.nan
    scanners = ["C"] * 12 + ["A"] * 54 + ["B"] * 54
    cases = pd.DataFrame({"case": table.patients, "patient": table.patients, "scanner": scanners})
    cohort, complete = complete_of_scanners(with_scanners(LabelledCohort(table, cases, {})), lambda one: one)
    assert set(complete.table.scanners or ()) == {"a", "b"}
    assert len(cohort.cases) == len(complete.table.patients) == 108
    assert cohort.left_out["of a scanner with fewer than 10 cases that have all features"] == 12


def test_harmonising_is_refused_before_the_training_where_a_scanner_has_too_few_complete_cases(
    make_table: MakeTable, tmp_path: Path
) -> None:
    """The second scanner has 12 cases, of which 3 lack a feature."""
    table = make_table(1, cases=60)
    table.values[:3, 0] = np.nan
    plan = replace(write_tables(tmp_path, table), harmonise=True)
    features = pd.read_parquet(tmp_path / "features.parquet")
    features.assign(scanner=["B"] * 12 + ["A"] * 48).to_parquet(tmp_path / "features.parquet")
    told: list[str] = []
    with pytest.raises(TrainingError, match="with 10 cases or more that have all features, found 48 of a, 9 of b;"):
        run_training(plan, train_inputs(plan, tmp_path), begin=lambda what, _: told.append(what) or (lambda: None))
    assert told == []
