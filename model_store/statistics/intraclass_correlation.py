"""Intraclass correlation: two-way, absolute agreement, single rating, for many features at once.

McGraw and Wong, Psychological Methods 1:30 (1996), case ICC(A,1); Shrout and Fleiss, Psychological Bulletin 86:420
(1979), ICC(2,1): the same estimate. The interval is theirs (McGraw and Wong table 7).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import f as f_distribution

from model_store.statistics.performance import CONFIDENCE

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class IntraclassCorrelation:
    """ICC(A,1) of each feature, with its interval."""

    icc: Floats
    """(features,); NaN where the ratings do not vary at all."""
    low: Floats
    high: Floats
    subjects: int
    raters: int


def icc_agreement(ratings: Floats, confidence: float = CONFIDENCE) -> IntraclassCorrelation:
    """Return ICC(A,1) of ratings of shape (subjects, raters, features), none of them NaN.

    Raises
    ------
    ValueError
        Fewer than two subjects or raters.
    """
    n, k, _ = ratings.shape
    if n < 2 or k < 2:
        raise ValueError(f"an ICC needs two subjects and two raters; there are {n} and {k}")
    # Centred and scaled first: the ICC does not change, and squares of large features keep their digits.
    centred = ratings - ratings.mean(axis=(0, 1))
    scale = np.abs(centred).max(axis=(0, 1))
    with np.errstate(all="ignore"):
        x = centred / scale
        rows = k * np.square(x.mean(axis=1)).sum(axis=0) / (n - 1)
        columns = n * np.square(x.mean(axis=0)).sum(axis=0) / (k - 1)
        residual = x - x.mean(axis=1, keepdims=True) - x.mean(axis=0, keepdims=True)
        error = np.square(residual).sum(axis=(0, 1)) / ((n - 1) * (k - 1))
        icc = (rows - error) / (rows + (k - 1) * error + k * (columns - error) / n)
        low, high = _interval(icc, rows, columns, error, n, k, confidence)
    return IntraclassCorrelation(icc, low, high, n, k)


def _interval(
    icc: Floats, rows: Floats, columns: Floats, error: Floats, n: int, k: int, confidence: float
) -> tuple[Floats, Floats]:
    a = k * icc / (n * (1 - icc))
    b = 1 + k * icc * (n - 1) / (n * (1 - icc))
    freedom = (a * columns + b * error) ** 2 / ((a * columns) ** 2 / (k - 1) + (b * error) ** 2 / ((n - 1) * (k - 1)))
    quantile = 0.5 + confidence / 2
    upper = f_distribution.ppf(quantile, n - 1, freedom)
    lower = f_distribution.ppf(quantile, freedom, n - 1)
    low = n * (rows - upper * error) / (upper * (k * columns + (k * n - k - n) * error) + n * rows)
    high = n * (lower * rows - error) / (k * columns + (k * n - k - n) * error + n * lower * rows)
    # Ratings that agree to the last digit leave no error to divide by: the interval has no width.
    exact = np.isclose(icc, 1.0, rtol=0, atol=1e-15)
    return np.where(exact, 1.0, low), np.where(exact, 1.0, high)
