"""What a training tells while it runs, and which features it names."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from model_store.cohort.feature_table import FeatureTable
from model_store.cohort.plan import LabelTable
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

    training = run_training(plan, train_inputs(plan, tmp_path), 1, begin)
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
