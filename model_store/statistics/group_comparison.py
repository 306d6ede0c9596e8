"""Whether a quantity differs between groups; the test is chosen as in Han et al., Breast Cancer Research 26:18 (2024).

Two groups that both pass Shapiro-Wilk are compared by Welch's t test, two others by Wilcoxon's rank-sum test
(Mann-Whitney), more than two by Kruskal-Wallis.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import NormalDist

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from model_store.statistics.multiple_testing import false_discovery_rate

Floats = NDArray[np.float64]

NORMAL_ABOVE_P = 0.05
MIN_CASES = 3
"""Shapiro-Wilk is not defined for fewer."""
EXACT_BELOW = 50
"""Without ties, both groups smaller than this: Wilcoxon's exact distribution, as in R's wilcox.test."""


class Test(StrEnum):
    """The tests, as they are called in tables."""

    __test__ = False  # pytest

    T = "Welch's t"
    WILCOXON = "Wilcoxon rank-sum"
    KRUSKAL = "Kruskal-Wallis"
    NONE = "not compared"


@dataclass(frozen=True)
class Group:
    """One group of cases, described."""

    name: str
    n: int
    mean: float
    median: float
    lower_quartile: float
    upper_quartile: float
    normal_p: float
    """Of Shapiro-Wilk; NaN for a group that is too small or all the same, which does not pass for normal."""


@dataclass(frozen=True)
class GroupComparison:
    """The result of a test between groups."""

    test: Test
    statistic: float
    p: float
    groups: tuple[Group, ...]
    difference: float
    """Of two groups, first minus second: of the means (t), or the Hodges-Lehmann shift (Wilcoxon); NaN for more."""
    low: float
    """Of the difference, 95 %."""
    high: float
    note: str = ""
    """Why there is no test."""


def compare_groups(groups: Mapping[str, Floats], *, ranks_only: bool = False) -> GroupComparison:
    """Compare the values of two or more groups; values that are NaN are left out.

    ``ranks_only``: two groups are compared by Wilcoxon's test whether they are normal or not.

    Where a group has fewer than three values, or all values are the same, nothing is compared and `note` says why.
    """
    values = {name: np.asarray(group, np.float64) for name, group in groups.items()}
    values = {name: group[~np.isnan(group)] for name, group in values.items()}
    described = tuple(_describe(name, group) for name, group in values.items())
    if note := _why_not(described, list(values.values())):
        return GroupComparison(Test.NONE, np.nan, np.nan, described, np.nan, np.nan, np.nan, note)
    if len(values) > 2:
        statistic, p = stats.kruskal(*values.values())
        return GroupComparison(Test.KRUSKAL, float(statistic), float(p), described, np.nan, np.nan, np.nan)
    first, second = values.values()
    if not ranks_only and all(group.normal_p > NORMAL_ABOVE_P for group in described):
        return _welch(first, second, described)
    return _wilcoxon(first, second, described)


def comparison_table(
    quantities: pd.DataFrame, group: "pd.Series[str]", order: Sequence[str] = (), *, ranks_only: bool = False
) -> pd.DataFrame:
    """Compare every column of `quantities` between the groups that `group` names for the same index.

    Returns one row per column: ``name, test, statistic, p, q, difference, low, high``, for each group ``n_<group>`` and
    ``median_<group>``, and ``note``. Groups come in the given `order`, or else in that of their names; differences are
    the first less the second.
    """
    rows = quantities.index.intersection(group.dropna().index)
    names = list(order) or sorted(group.loc[rows].unique())
    found = []
    for column in quantities.columns:
        values = quantities.loc[rows, column]
        parts = {str(name): values[group.loc[rows] == name].to_numpy(np.float64) for name in names}
        found.append(_row(column, compare_groups(parts, ranks_only=ranks_only)))
    table = pd.DataFrame(found)
    if len(table):
        table.insert(4, "q", false_discovery_rate(table["p"].to_numpy(np.float64)))
    return table


def _row(name: str, comparison: GroupComparison) -> dict[str, float | str]:
    row: dict[str, float | str] = {
        "name": name,
        "test": comparison.test.value,
        "statistic": comparison.statistic,
        "p": comparison.p,
        "difference": comparison.difference,
        "low": comparison.low,
        "high": comparison.high,
    }
    for group in comparison.groups:
        row |= {f"n_{group.name}": group.n, f"median_{group.name}": group.median}
    return row | {"note": comparison.note}


def _describe(name: str, values: Floats) -> Group:
    if not len(values):
        return Group(name, 0, *[np.nan] * 5)
    testable = len(values) >= MIN_CASES and np.ptp(values) > 0
    lower, median, upper = np.quantile(values, (0.25, 0.5, 0.75))
    normal_p = float(stats.shapiro(values).pvalue) if testable else np.nan
    return Group(name, len(values), float(values.mean()), float(median), float(lower), float(upper), normal_p)


def _why_not(groups: tuple[Group, ...], values: list[Floats]) -> str:
    if len(groups) < 2:
        return f"a comparison needs two groups; there is {len(groups)}"
    if small := [group for group in groups if group.n < MIN_CASES]:
        return f"a group needs {MIN_CASES} values; {small[0].name} has {small[0].n}"
    if np.ptp(np.concatenate(values)) == 0:
        return "all values are the same"
    return ""


def _welch(first: Floats, second: Floats, groups: tuple[Group, ...]) -> GroupComparison:
    result = stats.ttest_ind(first, second, equal_var=False)
    low, high = result.confidence_interval(0.95)
    difference = float(first.mean() - second.mean())
    return GroupComparison(
        Test.T, float(result.statistic), float(result.pvalue), groups, difference, float(low), float(high)
    )


def _wilcoxon(first: Floats, second: Floats, groups: tuple[Group, ...]) -> GroupComparison:
    tied = len(np.unique(np.concatenate([first, second]))) < len(first) + len(second)
    exact = not tied and max(len(first), len(second)) < EXACT_BELOW
    result = stats.mannwhitneyu(first, second, method="exact" if exact else "asymptotic")
    return GroupComparison(Test.WILCOXON, float(result.statistic), float(result.pvalue), groups, *_shift(first, second))


def _shift(first: Floats, second: Floats) -> tuple[float, float, float]:
    """Return the Hodges-Lehmann shift and its interval (Hollander, Wolfe: Nonparametric Statistical Methods, 4.3)."""
    n, m = len(first), len(second)
    differences = np.sort(np.subtract.outer(first, second), axis=None)
    rank = round(n * m / 2 - NormalDist().inv_cdf(0.975) * np.sqrt(n * m * (n + m + 1) / 12))
    rank = max(rank, 1)
    return float(np.median(differences)), float(differences[rank - 1]), float(differences[-rank])
