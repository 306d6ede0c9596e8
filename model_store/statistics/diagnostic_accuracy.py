"""Diagnostic accuracy: sensitivity, specificity and predictive values with intervals; differences of AUC; net benefit.

No maintained library that installs beside ours has these: ``pauc`` is one author's and young, ``dcurves`` needs an
older pandas. Each is a formula of a few lines, held against R's pROC and against SciPy in the tests.
"""

from dataclasses import asdict, dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import binomtest

from model_store.errors import TrainingError
from model_store.statistics.performance import Estimate, Flags, Floats, normal_quantile, placements, wilson_interval

SHARES = {
    "accuracy": (("true_positive", "true_negative"), ("false_positive", "false_negative")),
    "sensitivity": (("true_positive",), ("false_negative",)),
    "specificity": (("true_negative",), ("false_positive",)),
    "ppv": (("true_positive",), ("false_positive",)),
    "npv": (("true_negative",), ("false_negative",)),
}
"""Which cells of the confusion matrix count for a share, and which against it."""


@dataclass(frozen=True)
class Share:
    """A share of cases with Wilson's interval and the exact one (Clopper and Pearson, Biometrika 26:404, 1934)."""

    successes: int
    trials: int
    wilson: Estimate
    exact: Estimate

    def to_json(self) -> dict[str, Any]:
        """Return value and interval (Wilson's) as bundles hold them, and the rest beside it."""
        return {**asdict(self.wilson), "n": self.trials, "exact_low": self.exact.low, "exact_high": self.exact.high}


def share(successes: int, trials: int) -> Share | None:
    """Return a share with its intervals; None without cases."""
    if trials < 1:
        return None
    exact = binomtest(successes, trials).proportion_ci(method="exact")
    value = successes / trials
    return Share(
        successes, trials, wilson_interval(successes, trials), Estimate(value, float(exact.low), float(exact.high))
    )


def shares(confusion: dict[str, int]) -> dict[str, Share | None]:
    """Return accuracy, sensitivity, specificity, PPV and NPV of a confusion matrix; None where there is no case."""
    found = {}
    for name, (right, wrong) in SHARES.items():
        successes = sum(confusion[cell] for cell in right)
        found[name] = share(successes, successes + sum(confusion[cell] for cell in wrong))
    return found


@dataclass(frozen=True)
class AucDifference:
    """How far the areas of two scores differ."""

    difference: float
    """First minus second."""
    low: float
    high: float
    z: float
    p: float


def compare_scores_of_same_cases(hot: Flags, first: Floats, second: Floats) -> AucDifference:
    """Compare the areas of two scores of the same cases (DeLong et al., Biometrics 44:837, 1988).

    Raises
    ------
    TrainingError
        A class has fewer than two cases.
    """
    if min(int(hot.sum()), int((~hot).sum())) < 2:
        raise TrainingError("comparing two AUCs needs two cases of each class")
    one, other = placements(hot, first), placements(hot, second)
    differences = [a - b for a, b in zip(one, other, strict=True)]
    variance = sum(float(part.var(ddof=1)) / len(part) for part in differences)
    return difference_of_areas(float(one[0].mean() - other[0].mean()), variance)


def difference_of_areas(difference: float, variance: float) -> AucDifference:
    """Return a difference of two areas with the interval and p value that its variance gives."""
    error = float(np.sqrt(variance))
    if error == 0:  # the same order of cases: nothing differs, or everything does without doubt
        return AucDifference(difference, difference, difference, 0.0, 1.0 if difference == 0 else 0.0)
    reach, z = normal_quantile(0.95) * error, difference / error
    p = 2 * NormalDist().cdf(-abs(z))
    return AucDifference(difference, max(-1.0, difference - reach), min(1.0, difference + reach), z, p)


def decision_curve(hot: Flags, probability: Floats, step: float = 0.01) -> pd.DataFrame:
    """Return the net benefit at each threshold probability (Vickers and Elkin, Med Decis Making 26:565, 2006).

    Columns ``threshold, signature, all_hot``; calling none hot has 0. True hot cases count 1, false ones the odds of
    the threshold, both divided by all cases.
    """
    thresholds = np.arange(step, 1.0 - step / 2, step)
    odds = thresholds / (1 - thresholds)
    called = probability[None, :] >= thresholds[:, None] - 1e-12
    right, wrong = (called & hot).mean(axis=1), (called & ~hot).mean(axis=1)
    return pd.DataFrame(
        {"threshold": thresholds, "signature": right - odds * wrong, "all_hot": hot.mean() - odds * (~hot).mean()}
    )
