"""An interrupted training continues where it stopped and gives the same numbers."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from model_store.cohort.feature_table import FeatureTable
from model_store.training import nested_cross_validation as nested
from model_store.training.forest import Candidate
from model_store.training.kept_folds import KeptFolds
from model_store.training.model_families import ElasticNet, Family
from model_store.training.nested_cross_validation import FoldResult, nested_cross_validation

FAMILIES = [Family("random forest", (Candidate(6, 3, 4, 20),)), Family("elastic net", (ElasticNet(8, 0.5),))]
MakeTable = Callable[..., FeatureTable]


def interrupted_after(folds: int) -> Callable[[], None]:
    """Return what ends a training as Ctrl-C does, after so many folds."""
    left: Iterator[int] = iter(range(folds - 1))

    def on_fold() -> None:
        if next(left, None) is None:
            raise KeyboardInterrupt

    return on_fold


def values(result: FoldResult) -> dict[str, object]:
    """Return what a fold came to, in what compares exactly."""
    plain = {name: value for name, value in vars(result).items() if name != "fold"}
    return plain | {"probability": result.probability.tolist(), "measures": list(result.measures.items())}


def test_finished_folds_are_not_done_again_and_nothing_differs(
    make_table: MakeTable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Interrupted after seven of ten folds, three are left; damaged or of other inputs, a fold is done again."""
    table = make_table(3, cases=40)
    whole = nested_cross_validation(table, FAMILIES, 1, 7)
    kept = KeptFolds(tmp_path / "folds", "these inputs")
    with pytest.raises(KeyboardInterrupt):
        nested_cross_validation(table, FAMILIES, 1, 7, on_fold=interrupted_after(7), kept=kept)
    evaluated: list[object] = []
    evaluate = nested.evaluate_fold
    monkeypatch.setattr(nested, "evaluate_fold", lambda task: (evaluated.append(task), evaluate(task))[1])
    resumed = nested_cross_validation(table, FAMILIES, 1, 7, kept=kept)
    assert len(evaluated) == 3
    for one, other in zip(whole, resumed, strict=True):
        assert [values(fold) for fold in one.folds] == [values(fold) for fold in other.folds]
        assert np.array_equal(one.out_of_fold(40), other.out_of_fold(40))
    damaged = next((tmp_path / "folds").glob("elastic_net_*.json"))
    damaged.write_bytes(damaged.read_bytes()[:50])
    nested_cross_validation(table, FAMILIES, 1, 7, kept=kept)
    assert len(evaluated) == 4
    nested_cross_validation(table, FAMILIES, 1, 7, kept=KeptFolds(tmp_path / "folds", "other inputs"))
    assert len(evaluated) == 14


def test_nothing_is_kept_of_a_training_that_is_done(make_table: MakeTable, tmp_path: Path) -> None:
    """Folds hold scores of patients; the tables hold what is to be read."""
    kept = KeptFolds(tmp_path / "folds", "these inputs")
    nested_cross_validation(make_table(3, cases=30), FAMILIES[:1], 1, 7, kept=kept)
    assert len(list((tmp_path / "folds").iterdir())) == 5
    kept.forget()
    assert not (tmp_path / "folds").exists()
