"""The scores of a repeated cross-validation: means over its folds, and the ROC curve whose area is the mean AUC.

Each fold has a model of its own, so scores of two folds do not compare: the area under one curve of pooled scores is
another estimate than the mean of the folds' areas, usually a lower one (Airola et al., Comput Stat Data Anal 55:1828,
2011). The curve here is the vertical average of the folds' curves (Fawcett, Pattern Recognit Lett 27:861, 2006).
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import t as student_t
from sklearn.metrics import roc_curve

from model_store.statistics.diagnostic_accuracy import AucDifference, difference_of_areas, shares
from model_store.statistics.performance import CONFIDENCE, Estimate, Flags, Floats, confusion_of, placements

FOLD_COLUMNS = ("repeat", "fold", "case", "hot", "probability", "called_hot")
"""Of the table of fold scores."""
FOLD_MEASURES = ("auc", "accuracy", "sensitivity", "specificity", "ppv", "npv")


@dataclass(frozen=True)
class RocCurve:
    """A ROC curve as it is drawn, with the AUC that belongs to it."""

    name: str
    cases: int
    false_positive_rate: Floats
    true_positive_rate: Floats
    auc: Estimate
    """Its value is the area under the curve."""

    @classmethod
    def of_scores(cls, name: str, hot: Flags, score: Floats, auc: Estimate) -> "RocCurve":
        """Return the empirical curve of one set of scores."""
        false_positive_rate, true_positive_rate, _ = roc_curve(hot, score, drop_intermediate=False)
        return cls(name, len(hot), false_positive_rate, true_positive_rate, auc)


@dataclass(frozen=True)
class FoldScores:
    """The held-out cases of all folds of one or more repeats, one row per case and repeat."""

    table: pd.DataFrame
    """`FOLD_COLUMNS`; ``case`` is the row of the case in the table of cases."""

    def measures(self) -> pd.DataFrame:
        """Return `FOLD_MEASURES` of each fold; NaN where a fold has no case to divide by."""
        return pd.DataFrame([_measures(hot, score, called) for hot, score, called in self._folds()])

    def estimate(self, measure: str) -> Estimate | None:
        """Return mean and corrected interval of one of `FOLD_MEASURES`; None where a fold in two has no value."""
        of_folds = self.measures()[measure].to_numpy(np.float64)
        values = of_folds[~np.isnan(of_folds)]
        if 2 * len(values) < len(of_folds):
            return None
        return corrected_interval(values, self.table["fold"].nunique())

    def roc(self, name: str) -> RocCurve:
        """Return the mean of the folds' ROC curves at each false positive rate; its area is the mean AUC."""
        curves = [roc_curve(hot, score, drop_intermediate=False)[:2] for hot, score, _ in self._folds()]
        rate = np.unique(np.concatenate([false_positive_rate for false_positive_rate, _ in curves]))
        limits = [(_limit(x, y, rate, "left"), _limit(x, y, rate, "right")) for x, y in curves]
        below, above = (np.mean([pair[side] for pair in limits], axis=0) for side in (0, 1))
        auc = self.estimate("auc")
        assert auc is not None  # noqa: S101  # folds are stratified: each has cases of both classes
        cases = self.table["case"].nunique()
        return RocCurve(name, cases, np.repeat(rate, 2), np.column_stack([below, above]).ravel(), auc)

    def _folds(self) -> list[tuple[Flags, Floats, Flags]]:
        return [
            (
                part["hot"].to_numpy(np.bool_),
                part["probability"].to_numpy(np.float64),
                part["called_hot"].to_numpy(np.bool_),
            )
            for _, part in self.table.groupby(["repeat", "fold"])
        ]


def _measures(hot: Flags, score: Floats, called_hot: Flags) -> dict[str, float]:
    found = shares(asdict(confusion_of(hot, called_hot)))
    auc = float(placements(hot, score)[0].mean())
    return {"auc": auc} | {name: one.wilson.value if one else np.nan for name, one in found.items()}


def _limit(x: Floats, y: Floats, at: Floats, side: str) -> Floats:
    """Return the limit of a curve from one side: it rises vertically where several points have one x."""
    first, last = np.searchsorted(x, at, "left"), np.searchsorted(x, at, "right") - 1
    on_curve = last >= first
    exact = y[np.clip(first if side == "left" else last, 0, len(x) - 1)]
    return np.asarray(np.where(on_curve, exact, np.interp(at, x, y)), np.float64)


def corrected_standard_error(values: NDArray[np.float64], folds: int) -> float:
    """Return the standard error of the mean over folds that share training cases (Nadeau and Bengio, 2003).

    ``folds`` is their number in one repeat: repeats average out how the cases happened to fall, but are no new cases.
    """
    return float(np.sqrt((1 / folds + 1 / (folds - 1)) * values.var(ddof=1)))


def corrected_difference(values: NDArray[np.float64], folds: int, confidence: float = CONFIDENCE) -> Estimate:
    """Return the mean over folds with its corrected interval (Nadeau and Bengio, Mach Learn 52:239, 2003)."""
    mean = float(values.mean())
    half = float(student_t.ppf(0.5 + confidence / 2, len(values) - 1)) * corrected_standard_error(values, folds)
    return Estimate(mean, mean - half, mean + half)


def corrected_interval(values: NDArray[np.float64], folds: int, confidence: float = CONFIDENCE) -> Estimate:
    """Return `corrected_difference` of values from 0 to 1, with the interval cut to these limits."""
    found = corrected_difference(values, folds, confidence)
    return Estimate(found.value, max(0.0, found.low), min(1.0, found.high))


def compare_with_mean_of_folds(hot: Flags, score: Floats, folds: FoldScores) -> AucDifference:
    """Compare the AUC of a score in another cohort (DeLong's variance) with the mean AUC over folds (corrected).

    The two are of different patients, so their variances add up; the difference is held against a normal distribution.
    """
    placed = placements(hot, score)
    variance = sum(float(part.var(ddof=1)) / len(part) for part in placed)
    values = folds.measures()["auc"].to_numpy(np.float64)
    variance += corrected_standard_error(values, folds.table["fold"].nunique()) ** 2
    return difference_of_areas(float(placed[0].mean() - values.mean()), variance)


def scaled_confusion(hot: int, cold: int, sensitivity: float, specificity: float) -> dict[str, int]:
    """Return the confusion matrix that a cohort of this size has at the mean sensitivity and specificity."""
    true_positive, true_negative = round(hot * sensitivity), round(cold * specificity)
    return {
        "true_positive": true_positive,
        "false_negative": hot - true_positive,
        "false_positive": cold - true_negative,
        "true_negative": true_negative,
    }


def fold_scores(parts: Sequence[tuple[int, int, NDArray[np.intp], Flags, Floats, Flags]]) -> FoldScores:
    """Return the scores of folds: repeat, number of the fold, rows of its cases, truth, probability, verdict."""
    tables = [
        pd.DataFrame(dict(zip(FOLD_COLUMNS, (repeat, fold, rows, hot, score, called), strict=True)))
        for repeat, fold, rows, hot, score, called in parts
    ]
    return FoldScores(pd.concat(tables, ignore_index=True))
