"""The choice of the columns that a forest is fitted on, by stability, by labels and by correlation with one another."""

import numpy as np
from scipy.stats import rankdata

from model_store.cohort.feature_table import FeatureTable
from model_store.errors import TrainingError
from model_store.statistics.intraclass_correlation import icc_agreement

MIN_ICC = 0.5
"""Over received and redrawn outlines, where the table has redraws: moderate reliability by Koo and Li, Journal of
Chiropractic Medicine 15:155 (2016). The forest learns from the redraws, so it needs less than a list for other uses."""
MAX_CORRELATION = 0.9
"""Of two columns whose ranks correlate more, the one that tells the classes apart less is left out."""


def constant_columns(table: FeatureTable) -> tuple[str, ...]:
    """Return the columns that nothing can be learnt from, because they never change."""
    constant = np.ptp(table.values, axis=0) == 0
    return tuple(name for name, flag in zip(table.columns, constant.tolist(), strict=True) if flag)


def unstable_columns(table: FeatureTable) -> tuple[str, ...]:
    """Return the columns whose ICC over redrawn outlines is below `MIN_ICC`; none where the table has no redraws."""
    if table.redraws is None:
        return ()
    ratings = table.ratings(table.columns)
    # A redraw that could not be measured has no value at all: its case says nothing about single columns.
    is_measured = np.isfinite(ratings).any(axis=2)
    ratings = ratings[np.all(is_measured, axis=1)]
    is_known = np.isfinite(ratings).all(axis=(0, 1))
    stable = np.zeros(len(table.columns), dtype=np.bool_)
    # A NaN, where nothing varies, is not stable.
    stable[is_known] = icc_agreement(ratings[:, :, is_known]).icc >= MIN_ICC
    return tuple(name for name, flag in zip(table.columns, stable.tolist(), strict=True) if not flag)


def select_columns(table: FeatureTable, count: int) -> tuple[str, ...]:
    """Return up to ``count`` columns that tell the classes apart best, none of them nearly a copy of another.

    Where the table has redraws, only columns that are stable over them are taken, and the redraws have a say in which
    of these tell the classes apart.
    """
    unusable = {*constant_columns(table), *unstable_columns(table)}
    names = [name for name in table.columns if name not in unusable]
    if not names:
        raise TrainingError("no column has varying values" if table.redraws is None else "no column is stable")
    rows = table.learning_rows(names)
    ranks = rankdata(rows.values, axis=0)
    standard = (ranks - ranks.mean(axis=0)) / ranks.std(axis=0)
    labels = rows.hot - rows.hot.mean()
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
