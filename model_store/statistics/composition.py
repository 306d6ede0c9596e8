"""Whether a property differs between groups: categories, such as subtype, by Fisher, quantities by their values."""

import numpy as np
import pandas as pd
from pandas.api.types import is_bool_dtype, is_numeric_dtype
from scipy.stats import MonteCarloMethod, fisher_exact

from model_store.statistics.group_comparison import compare_groups
from model_store.statistics.multiple_testing import false_discovery_rate

FEWEST_VALUES = 6
"""A column of numbers with so many different values is a quantity, such as age; with fewer it is categories: grade."""
RESAMPLES = 99_999
FISHER, FISHER_SIMULATED = "Fisher's exact", "Fisher's exact, simulated"


def is_quantity(values: pd.Series) -> bool:
    """Return whether a column holds a quantity, not categories."""
    known = values.dropna()
    return is_numeric_dtype(known) and not is_bool_dtype(known) and known.nunique() >= FEWEST_VALUES


def composition_table(phenotype: "pd.Series[str]", clinical: pd.DataFrame) -> pd.DataFrame:
    """Count the values of each column of categories in each phenotype.

    Returns one row per value: ``column, value``, then for each phenotype ``n_<phenotype>`` and ``share_<phenotype>``.
    Patients for whom the column is empty do not count.
    """
    rows = []
    for column in [name for name in clinical.columns if not is_quantity(clinical[name])]:
        counts = _counts(phenotype, clinical[column])
        shares = counts / counts.sum()
        for value in counts.index:
            row: dict[str, str | float] = {"column": column, "value": str(value)}
            for kind in counts.columns:
                row |= {f"n_{kind}": int(counts.loc[value, kind]), f"share_{kind}": float(shares.loc[value, kind])}
            rows.append(row)
    return pd.DataFrame(rows)


def association_table(group: "pd.Series[str]", clinical: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Test each column for association with the group: ``column, test, n, p, q``.

    Categories by Fisher's exact test; where the table is larger than 2 x 2, its p value is of 99,999 tables with the
    same margins, as R's ``fisher.test(simulate.p.value = TRUE)``. Quantities as `compare_groups` chooses.
    """
    rows = [(name, *association(group, clinical[name], seed)) for name in clinical.columns]
    table = pd.DataFrame(rows, columns=["column", "test", "n", "p"])
    return table.assign(q=false_discovery_rate(table["p"].to_numpy(np.float64)))


def association(group: "pd.Series[str]", values: pd.Series, seed: int) -> tuple[str, int, float]:
    """Return test, number of patients and p value of one column against the group, over the patients that have both."""
    if is_quantity(values):
        known = values.dropna()
        of = group.reindex(known.index).dropna()
        parts = {str(name): known.loc[rows.index].to_numpy(np.float64) for name, rows in of.groupby(of)}
        found = compare_groups(parts)
        return found.test.value, len(of), found.p
    counts = _counts(group, values).to_numpy()
    n = int(counts.sum())
    if min(counts.shape) < 2:
        return "not compared", n, np.nan
    if counts.shape == (2, 2):
        return FISHER, n, float(fisher_exact(counts).pvalue)
    method = MonteCarloMethod(n_resamples=RESAMPLES, rng=np.random.default_rng(seed))
    return FISHER_SIMULATED, n, float(fisher_exact(counts, method=method).pvalue)


def _counts(phenotype: "pd.Series[str]", values: pd.Series) -> pd.DataFrame:
    known = values.dropna().astype(str)
    rows = known.index.intersection(phenotype.index)
    return pd.crosstab(known.loc[rows], phenotype.loc[rows])
