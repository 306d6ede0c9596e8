"""The choice of the columns that a forest is fitted on, by labels and by correlation with one another."""

import numpy as np
from scipy.stats import rankdata

from model_store.cohort.feature_table import FeatureTable
from model_store.errors import TrainingError

MAX_CORRELATION = 0.9
"""Of two columns whose ranks correlate more, the one that tells the classes apart less is left out."""


def constant_columns(table: FeatureTable) -> tuple[str, ...]:
    """Return the columns that nothing can be learnt from, because they never change."""
    constant = np.ptp(table.values, axis=0) == 0
    return tuple(name for name, flag in zip(table.columns, constant.tolist(), strict=True) if flag)


def select_columns(table: FeatureTable, count: int) -> tuple[str, ...]:
    """Return up to ``count`` columns that tell the classes apart best, none of them nearly a copy of another."""
    unusable = set(constant_columns(table))
    names = [name for name in table.columns if name not in unusable]
    if not names:
        raise TrainingError("no column has varying values")
    ranks = rankdata(table.matrix(names), axis=0)
    standard = (ranks - ranks.mean(axis=0)) / ranks.std(axis=0)
    labels = table.hot - table.hot.mean()
    # The correlation of ranks with the label orders columns as their AUC does.
    separation = np.abs(labels @ standard)
    chosen: list[int] = []
    # Rounded, so that copies of a column tie and the first name wins on every machine.
    for index in np.argsort(-np.round(separation, 9), kind="stable"):
        correlation = np.abs(standard[:, index] @ standard[:, chosen]) / len(standard)
        if not (correlation > MAX_CORRELATION).any():
            chosen.append(int(index))
        if len(chosen) == count:
            break
    return tuple(names[index] for index in sorted(chosen))
