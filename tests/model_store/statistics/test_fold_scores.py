"""The mean of the folds' ROC curves has the area that its label gives, and every section the same sensitivity."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from model_store.statistics.fold_scores import FoldScores, RocCurve, fold_scores, scaled_confusion
from model_store.statistics.performance import auc_with_interval


def folds_of(seed: int, repeats: int = 3, shift: float = 0.0, digits: int = 1) -> FoldScores:
    """Return scores of folds of unequal size with ties, each fold's scores shifted by as much more."""
    rng = np.random.default_rng(seed)
    parts = []
    for repeat in range(repeats):
        for fold, size in enumerate((9, 10, 12, 11, 8)):
            hot = np.arange(size) % 3 == 0
            score = np.round(0.4 * rng.normal(size=size) + 0.5 * hot + shift * fold, digits)
            parts.append((repeat, fold, np.arange(size) + 100 * fold, hot, score, score >= 0.3))
    return fold_scores(parts)


def area(curve: RocCurve) -> float:
    """Return the area under a curve as it is drawn."""
    return float(np.trapezoid(curve.true_positive_rate, curve.false_positive_rate))


@pytest.mark.parametrize("seed", range(5))
def test_area_under_the_drawn_curve_is_the_labelled_auc(seed: int) -> None:
    """Trapezoids under the mean curve equal the mean of scikit-learn's area of each fold, ties included."""
    folds = folds_of(seed)
    curve = folds.roc("training")
    each = [roc_auc_score(part["hot"], part["probability"]) for _, part in folds.table.groupby(["repeat", "fold"])]
    assert area(curve) == pytest.approx(np.mean(each), abs=1e-12)
    assert curve.auc.value == pytest.approx(np.mean(each), abs=1e-12)
    assert (curve.false_positive_rate[0], curve.true_positive_rate[0]) == (0.0, 0.0)
    assert (curve.false_positive_rate[-1], curve.true_positive_rate[-1]) == (1.0, 1.0)
    assert (np.diff(curve.true_positive_rate) >= -1e-12).all()
    assert curve.cases == 50


def test_pooled_scores_are_another_estimate() -> None:
    """Where the folds' scores differ in level, the pooled area is far from the mean of the folds."""
    folds = folds_of(1, shift=1.0)
    pooled = RocCurve.of_scores(
        "pooled",
        folds.table["hot"].to_numpy(),
        folds.table["probability"].to_numpy(),
        auc_with_interval(folds.table["hot"].to_numpy(), folds.table["probability"].to_numpy()),
    )
    assert area(pooled) == pytest.approx(pooled.auc.value, abs=1e-12)
    assert area(folds.roc("training")) > pooled.auc.value + 0.1


def test_measures_are_means_over_folds() -> None:
    """Sensitivity is the mean over folds; a fold that calls none hot has no PPV and does not count for it."""
    parts = [
        (
            0,
            0,
            np.arange(4),
            np.array([1, 1, 0, 0], bool),
            np.array([0.9, 0.2, 0.1, 0.3]),
            np.array([1, 0, 0, 0], bool),
        ),
        (
            0,
            1,
            np.arange(4),
            np.array([1, 1, 0, 0], bool),
            np.array([0.2, 0.2, 0.1, 0.3]),
            np.array([0, 0, 0, 0], bool),
        ),
        (
            0,
            2,
            np.arange(4),
            np.array([1, 1, 0, 0], bool),
            np.array([0.9, 0.8, 0.7, 0.3]),
            np.array([1, 1, 1, 0], bool),
        ),
    ]
    folds = fold_scores(parts)
    sensitivity, ppv = folds.estimate("sensitivity"), folds.estimate("ppv")
    assert sensitivity is not None
    assert sensitivity.value == pytest.approx((0.5 + 0 + 1) / 3)
    assert ppv is not None
    assert ppv.value == pytest.approx((1 + 2 / 3) / 2)
    assert scaled_confusion(10, 20, 0.5, 0.85) == {
        "true_positive": 5,
        "false_negative": 5,
        "false_positive": 3,
        "true_negative": 17,
    }
