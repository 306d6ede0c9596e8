"""Spearman's rank correlation of the columns of two tables, with intervals and the false discovery rate."""

from statistics import NormalDist

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import spearmanr

from model_store.statistics.multiple_testing import false_discovery_rate

MIN_PAIRS = 4
"""Fisher's interval needs more than three."""


def spearman_table(left: pd.DataFrame, right: pd.DataFrame, confidence: float = 0.95) -> pd.DataFrame:
    """Correlate every column of `left` with every column of `right`, over the rows that both indexes name.

    Returns one row per pair: ``left, right, n, rho, low, high, p, q``. A pair with fewer than four complete rows or
    with a constant column has no rho (NaN). The q values count all pairs of the table.
    """
    rows = left.index.intersection(right.index)
    found = [
        {"left": one, "right": other} | _spearman(x, y, confidence)
        for one, x in _columns(left.loc[rows])
        for other, y in _columns(right.loc[rows])
    ]
    table = pd.DataFrame(found, columns=["left", "right", "n", "rho", "low", "high", "p"])
    return table.assign(q=false_discovery_rate(table["p"].to_numpy(np.float64)))


def _columns(table: pd.DataFrame) -> list[tuple[str, NDArray[np.float64]]]:
    return list(zip(table.columns, table.to_numpy(np.float64).T, strict=True))


def _spearman(one: NDArray[np.float64], other: NDArray[np.float64], confidence: float) -> dict[str, float]:
    complete = ~(np.isnan(one) | np.isnan(other))
    n = int(complete.sum())
    x, y = one[complete], other[complete]
    if n < MIN_PAIRS or np.ptp(x) == 0 or np.ptp(y) == 0:
        return {"n": n, "rho": np.nan, "low": np.nan, "high": np.nan, "p": np.nan}
    rho, p = map(float, spearmanr(x, y))
    low, high = spearman_interval(rho, n, confidence)
    return {"n": n, "rho": rho, "low": low, "high": high, "p": p}


def spearman_interval(rho: float, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Return the interval of a rho of `n` pairs: Fisher's z, variance by Bonett and Wright, Psychometrika 65:23."""
    if abs(rho) >= 1:
        return rho, rho
    reach = NormalDist().inv_cdf(0.5 + confidence / 2) * np.sqrt((1 + rho**2 / 2) / (n - 3))
    z = np.arctanh(rho)
    return float(np.tanh(z - reach)), float(np.tanh(z + reach))
