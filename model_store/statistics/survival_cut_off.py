"""The cut-off of a quantity that separates survival best, with a p value that is corrected for the search.

Maximally selected log-rank statistics: Hothorn and Lausen, Comput Stat Data Anal 43:121 (2003), as R's maxstat.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm, rankdata

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

MIN_SHARE = 0.1
"""Of the patients, on either side of the cut-off."""


@dataclass(frozen=True)
class CutOff:
    """Patients at or below `value`, and those above."""

    value: float
    statistic: float
    p: float
    """Corrected for the search (Lausen, Sauerbrei and Schumacher, 1994); an upper bound, at most 1."""
    at_or_below: int
    above: int
    candidates: Floats
    """All cut-offs that were tried, and `statistics` of each."""
    statistics: Floats


def optimal_cut_off(quantity: Floats, time: Floats, event: Flags, least_share: float = MIN_SHARE) -> CutOff | None:
    """Return the cut-off with the largest standardised log-rank statistic; None where no value can be one."""
    n = len(quantity)
    order = np.argsort(quantity, kind="stable")
    scores = log_rank_scores(time, event)[order]
    ordered = quantity[order]
    below = np.flatnonzero(np.diff(ordered) > 0) + 1
    below = below[(below >= np.floor(n * least_share)) & (below <= np.floor(n * (1 - least_share)))]
    spread = float(((scores - scores.mean()) ** 2).sum())
    if not len(below) or not spread > 0:
        return None
    deviation = np.cumsum(scores)[below - 1] - below * scores.mean()
    variance = below * (n - below) / (n * (n - 1)) * spread
    statistics = np.abs(deviation) / np.sqrt(variance)
    best = int(np.argmax(statistics))
    return CutOff(
        value=float(ordered[below[best] - 1]),
        statistic=float(statistics[best]),
        p=corrected_p(float(statistics[best]), n, below),
        at_or_below=int(below[best]),
        above=int(n - below[best]),
        candidates=ordered[below - 1],
        statistics=statistics,
    )


def log_rank_scores(time: Floats, event: Flags) -> Floats:
    """Return each patient's log-rank score: the event less what was to be expected until then."""
    order = np.argsort(time, kind="stable")
    until = rankdata(time, method="max").astype(np.intp)
    hazard = event / (len(time) - until + 1)
    return np.asarray(event - np.cumsum(hazard[order])[until - 1], np.float64)


def corrected_p(statistic: float, n: int, below: NDArray[np.intp]) -> float:
    """Return the improved Bonferroni bound over cut-offs with so many of `n` patients at or below them."""
    first, second = below[:-1], below[1:]
    t = np.sqrt(1 - first * (n - second) / ((n - first) * second))
    steps = np.exp(-(statistic**2) / 2) / np.pi * (t - (statistic**2 / 4 - 1) * t**3 / 6)
    return float(min(1.0, 2 * norm.sf(statistic) + steps.sum()))
