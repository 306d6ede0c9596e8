"""The agreement of two classifications of the same cases."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.metrics import adjusted_rand_score

from model_store.statistics.optional_libraries import study_library


@dataclass(frozen=True)
class PartitionAgreement:
    """Of two labellings with the same names."""

    n: int
    same: int
    kappa: float
    """Cohen, Educ Psychol Meas 20:37 (1960); NaN where all cases have one label in both."""
    low: float
    """95 %, with the standard error of Fleiss, Cohen and Everitt, Psychol Bull 72:323 (1969)."""
    high: float
    adjusted_rand: float
    """Hubert and Arabie, J Classif 2:193 (1985)."""


def agreement(one: "pd.Series[str]", other: "pd.Series[str]") -> PartitionAgreement:
    """Compare two labellings over the cases that both indexes name."""
    rows = one.index.intersection(other.index)
    first, second = one.loc[rows].to_numpy(), other.loc[rows].to_numpy()
    names = np.union1d(first, second)
    table = np.array([[np.sum((first == a) & (second == b)) for b in names] for a in names], np.float64)
    kappa, low, high = _kappa(table)
    return PartitionAgreement(
        len(rows), int((first == second).sum()), kappa, low, high, float(adjusted_rand_score(first, second))
    )


def _kappa(table: np.ndarray) -> tuple[float, float, float]:
    if len(table) < 2:
        return np.nan, np.nan, np.nan
    found = study_library("statsmodels.stats.inter_rater").cohens_kappa(table)
    return float(found.kappa), float(found.kappa_low), float(found.kappa_upp)
