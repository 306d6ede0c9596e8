"""What the phenotypes are made of: whether a property, such as a subtype, is more common in one of them."""

import numpy as np
import pandas as pd
from scipy.stats import PermutationMethod, chi2_contingency

from model_store.statistics.multiple_testing import false_discovery_rate

MIN_EXPECTED = 5
PERMUTATIONS = 9999


def composition_table(phenotype: "pd.Series[str]", clinical: pd.DataFrame) -> pd.DataFrame:
    """Count each column's values in each phenotype.

    Returns one row per value: ``column, value``, then for each phenotype ``n_<phenotype>`` and ``share_<phenotype>``.
    Patients for whom the column is empty do not count.
    """
    rows = []
    for column in clinical.columns:
        counts = _counts(phenotype, clinical[column])
        shares = counts / counts.sum()
        for value in counts.index:
            row: dict[str, str | float] = {"column": column, "value": str(value)}
            for kind in counts.columns:
                row |= {f"n_{kind}": int(counts.loc[value, kind]), f"share_{kind}": float(shares.loc[value, kind])}
            rows.append(row)
    return pd.DataFrame(rows)


def association_table(phenotype: "pd.Series[str]", clinical: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Test each column for association with the phenotype: ``column, test, n, statistic, p, q``.

    Pearson's chi-squared; where fewer than five patients are expected somewhere, its p value by permutation.
    """
    rows = [_association(column, _counts(phenotype, clinical[column]), seed) for column in clinical.columns]
    table = pd.DataFrame(rows, columns=["column", "test", "n", "statistic", "p"])
    return table.assign(q=false_discovery_rate(table["p"].to_numpy(np.float64)))


def _counts(phenotype: "pd.Series[str]", values: "pd.Series[str]") -> pd.DataFrame:
    known = values.dropna().astype(str)
    rows = known.index.intersection(phenotype.index)
    return pd.crosstab(known.loc[rows], phenotype.loc[rows])


def _association(column: str, counts: pd.DataFrame, seed: int) -> tuple[str, str, int, float, float]:
    n = int(counts.to_numpy().sum())
    if min(counts.shape) < 2:
        return column, "not compared", n, np.nan, np.nan
    found = chi2_contingency(counts.to_numpy(), correction=False)
    if found.expected_freq.min() >= MIN_EXPECTED:
        return column, "chi-squared", n, float(found.statistic), float(found.pvalue)
    method = PermutationMethod(n_resamples=PERMUTATIONS, rng=np.random.default_rng(seed))
    by_permutation = chi2_contingency(counts.to_numpy(), correction=False, method=method)
    return column, "chi-squared, by permutation", n, float(found.statistic), float(by_permutation.pvalue)
