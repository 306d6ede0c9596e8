"""The performance of a signature, with intervals."""

from dataclasses import asdict, dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from model_store.errors import TrainingError

CONFIDENCE = 0.95
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Estimate:
    """A value with its confidence interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} ({self.low:.3f} to {self.high:.3f})"


@dataclass(frozen=True)
class Confusion:
    """Cases by truth and verdict; hot is positive."""

    true_positive: int
    false_positive: int
    true_negative: int
    false_negative: int


@dataclass(frozen=True)
class Performance:
    """The performance of a signature on a set of cases. Intervals are of 95 %."""

    cases: int
    hot: int
    auc: Estimate
    """DeLong et al., Biometrics 44:837 (1988)."""
    sensitivity: Estimate
    """Wilson, J Am Stat Assoc 22:209 (1927)."""
    specificity: Estimate
    confusion: Confusion

    def to_json(self) -> dict[str, Any]:
        """Return JSON-ready values."""
        return asdict(self)


def performance(hot: Flags, probability: Floats, threshold: float) -> Performance:
    """Return the performance of probabilities and a threshold on labelled cases."""
    confusion = confusion_of(hot, probability >= threshold)
    return Performance(
        cases=len(hot),
        hot=int(hot.sum()),
        auc=auc_with_interval(hot, probability),
        sensitivity=wilson_interval(confusion.true_positive, int(hot.sum())),
        specificity=wilson_interval(confusion.true_negative, int((~hot).sum())),
        confusion=confusion,
    )


def confusion_of(hot: Flags, verdict: Flags) -> Confusion:
    """Count cases by truth and verdict."""
    return Confusion(
        true_positive=int(np.sum(verdict & hot)),
        false_positive=int(np.sum(verdict & ~hot)),
        true_negative=int(np.sum(~verdict & ~hot)),
        false_negative=int(np.sum(~verdict & hot)),
    )


def placements(hot: Flags, score: Floats) -> tuple[Floats, Floats]:
    """Return for each hot case the share of cold ones below it, and for each cold case that of hot ones above it.

    Both means are the AUC. Taken from mid-ranks (Sun and Xu, IEEE Signal Process Lett 21:1389, 2014).
    """
    positive, negative = score[hot], score[~hot]
    ranks = rankdata(np.concatenate([positive, negative]))
    of_positive = (ranks[: len(positive)] - rankdata(positive)) / len(negative)
    of_negative = 1 - (ranks[len(positive) :] - rankdata(negative)) / len(positive)
    return of_positive, of_negative


def auc_with_interval(hot: Flags, score: Floats, confidence: float = CONFIDENCE) -> Estimate:
    """Return the area under the ROC curve with DeLong's interval, cut to 0 to 1.

    Raises
    ------
    TrainingError
        A class has fewer than two cases.
    """
    if min(int(hot.sum()), int((~hot).sum())) < 2:
        raise TrainingError(
            f"an AUC needs two cases of each class; there are {int(hot.sum())} hot, {int((~hot).sum())} cold"
        )
    of_positive, of_negative = placements(hot, score)
    auc = float(of_positive.mean())
    variance = of_positive.var(ddof=1) / len(of_positive) + of_negative.var(ddof=1) / len(of_negative)
    half = normal_quantile(confidence) * float(np.sqrt(variance))
    return Estimate(auc, max(0.0, auc - half), min(1.0, auc + half))


def wilson_interval(successes: int, trials: int, confidence: float = CONFIDENCE) -> Estimate:
    """Return a proportion with Wilson's score interval (without continuity correction).

    Raises
    ------
    TrainingError
        There is no trial.
    """
    if trials < 1:
        raise TrainingError("a proportion needs at least one case")
    z2 = normal_quantile(confidence) ** 2
    share = successes / trials
    middle = (successes + z2 / 2) / (trials + z2)
    half = float(np.sqrt(z2 * (share * (1 - share) * trials + z2 / 4))) / (trials + z2)
    return Estimate(share, max(0.0, middle - half), min(1.0, middle + half))


def calibration_points(hot: Flags, probability: Floats, bins: int = 5) -> list[tuple[float, Estimate]]:
    """Return mean probability and observed share of hot cases, in bins of equally many cases."""
    order = np.argsort(probability, kind="stable")
    return [
        (float(probability[part].mean()), wilson_interval(int(hot[part].sum()), len(part)))
        for part in np.array_split(order, bins)
        if len(part)
    ]


def normal_quantile(confidence: float) -> float:
    """Return how many standard deviations such an interval reaches to either side."""
    return NormalDist().inv_cdf(0.5 + confidence / 2)
