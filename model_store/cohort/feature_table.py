"""A cohort as a table: one row per case, one column per feature of a region."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model_store.errors import TrainingError


@dataclass(frozen=True)
class FeatureTable:
    """The features of a cohort and what its cases are."""

    columns: tuple[str, ...]
    values: NDArray[np.float64]
    """(cases, columns); NaN where a feature could not be computed."""
    hot: NDArray[np.bool_]
    """(cases,)."""
    patients: tuple[str, ...]
    """A pseudonym per case: cases of one patient never lie on both sides of a split."""

    def __post_init__(self) -> None:
        cases, columns = len(self.patients), len(self.columns)
        if self.values.shape != (cases, columns) or self.hot.shape != (cases,):
            raise TrainingError(
                f"a table of {cases} patients and {columns} columns cannot have values of shape {self.values.shape} "
                f"and labels of shape {self.hot.shape}"
            )
        if twice := [name for name, times in Counter(self.columns).items() if times > 1]:
            raise TrainingError(f"column {twice[0]} occurs more than once")
        if np.isinf(self.values).any():
            raise TrainingError(
                f"column {self.columns[int(np.argwhere(np.isinf(self.values))[0][1])]} contains an infinite value"
            )

    def rows(self, chosen: NDArray[np.intp]) -> "FeatureTable":
        """Return some of the cases."""
        patients = tuple(self.patients[i] for i in chosen)
        return FeatureTable(self.columns, self.values[chosen], self.hot[chosen], patients)

    def without(self, columns: Iterable[str]) -> "FeatureTable":
        """Return the table without some of its columns."""
        dropped = set(columns)
        kept = tuple(name for name in self.columns if name not in dropped)
        return FeatureTable(kept, self.matrix(kept), self.hot, self.patients)

    def matrix(self, columns: Sequence[str]) -> NDArray[np.float64]:
        """Return the values of these columns in this order."""
        column_index = {name: number for number, name in enumerate(self.columns)}
        if absent := [name for name in columns if name not in column_index]:
            raise TrainingError(f"the table has no column {absent[0]} ({len(absent)} are missing)")
        return self.values[:, [column_index[name] for name in columns]]


def table_of(cases: Sequence[tuple[str, bool, Mapping[str, float]]]) -> FeatureTable:
    """Return the table of cases given as patient, whether hot, and features by column name.

    Columns are sorted; a case that lacks one gets NaN there.
    """
    columns = tuple(sorted({name for _, _, features in cases for name in features}))
    values = np.array([[features.get(name, np.nan) for name in columns] for _, _, features in cases], dtype=np.float64)
    return FeatureTable(
        columns,
        values.reshape(len(cases), len(columns)),
        np.array([hot for _, hot, _ in cases], dtype=np.bool_),
        tuple(patient for patient, _, _ in cases),
    )
