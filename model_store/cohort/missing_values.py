"""Which columns and cases are left out because a feature could not be computed.

A forest is trained on complete cases. Leaving out every column that some case lacks lets one patient remove columns for
all; leaving out every case that lacks some column lets one column remove patients. So columns that many cases lack are
left out first, then the cases that still lack one; while these were too many, the column that most of them lack goes.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model_store.cohort.feature_table import FeatureTable

MAX_MISSING_SHARE = 0.05
"""Of the cases: a column that more of them lack is left out."""
MAX_CASES_SHARE = 0.10
"""Of the cases: at most so many are left out because they lack columns that nearly all others have."""


@dataclass(frozen=True)
class CompleteTable:
    """A table without missing values, and what was left out of it."""

    table: FeatureTable
    kept: NDArray[np.intp]
    """Rows of the whole table that are in it."""
    columns_left_out: tuple[str, ...]
    cases_left_out: dict[int, tuple[str, ...]]
    """Rows of the whole table that are not in it, with the columns that they lack."""


def complete_table(table: FeatureTable) -> CompleteTable:
    """Leave out columns and cases until no value is missing."""
    missing = np.isnan(table.values)
    cases = len(table.patients)
    kept = np.asarray(missing.sum(axis=0) <= MAX_MISSING_SHARE * cases)
    while (lacking := (missing & kept).any(axis=1)).sum() > MAX_CASES_SHARE * cases:
        # Of equally incomplete columns the first one goes: the same on every machine.
        kept[int(np.argmax(np.where(kept, missing.sum(axis=0), -1)))] = False
    names = np.array(table.columns)
    rows = np.flatnonzero(~lacking)
    left_out = tuple(names[~kept].tolist())
    return CompleteTable(
        table=table.without(left_out).rows(rows),
        kept=rows,
        columns_left_out=left_out,
        cases_left_out={int(row): tuple(names[missing[row] & kept].tolist()) for row in np.flatnonzero(lacking)},
    )
