"""A cohort as a table: one row per case, one column per feature of a region."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model_store.errors import TrainingError


@dataclass(frozen=True)
class FeatureTable:
    """The features, labels and patients of the cases of a cohort."""

    columns: tuple[str, ...]
    values: NDArray[np.float64]
    """(cases, columns); NaN where a feature could not be computed."""
    hot: NDArray[np.bool_]
    """(cases,)."""
    patients: tuple[str, ...]
    """A pseudonym per case: cases of one patient never lie on both sides of a split."""
    redraws: NDArray[np.float64] | None = None
    """(cases, redraws, columns): the same cases with redrawn outlines; NaN where one could not be measured. Training
    learns from them, too; nothing is measured on them."""
    scanners: tuple[str, ...] | None = None
    """Of each case, where every fit is to harmonise features between scanners (`model_store.training.combat`)."""

    def __post_init__(self) -> None:
        cases, columns = len(self.patients), len(self.columns)
        if self.redraws is not None and (self.redraws.ndim != 3 or self.redraws.shape[::2] != (cases, columns)):
            raise TrainingError(
                f"a table of {cases} patients and {columns} columns cannot have redraws of shape {self.redraws.shape}"
            )
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
        redraws = None if self.redraws is None else self.redraws[chosen]
        scanners = None if self.scanners is None else tuple(self.scanners[i] for i in chosen)
        return FeatureTable(self.columns, self.values[chosen], self.hot[chosen], patients, redraws, scanners)

    def without(self, columns: Iterable[str]) -> "FeatureTable":
        """Return the table without some of its columns."""
        dropped = set(columns)
        kept = tuple(name for name in self.columns if name not in dropped)
        redraws = None if self.redraws is None else self.redraws[:, :, self._column_numbers(kept)]
        return FeatureTable(kept, self.matrix(kept), self.hot, self.patients, redraws, self.scanners)

    def matrix(self, columns: Sequence[str]) -> NDArray[np.float64]:
        """Return the values of these columns in this order."""
        return self.values[:, self._column_numbers(columns)]

    def ratings(self, columns: Sequence[str]) -> NDArray[np.float64]:
        """Return the values of these columns (cases, 1 + redraws, columns): the received outline, then redrawn ones."""
        numbers = self._column_numbers(columns)
        own = self.values[:, None, numbers]
        return own if self.redraws is None else np.concatenate([own, self.redraws[:, :, numbers]], axis=1)

    def learning_rows(self, columns: Sequence[str]) -> "LearningRows":
        """Return the rows that a model learns from: each case, and each of its redraws that has these columns."""
        ratings = self.ratings(columns)
        usable = np.asarray(np.isfinite(ratings).all(axis=2))
        usable[:, 0] = True
        weight = np.broadcast_to(1 / usable.sum(axis=1, keepdims=True), usable.shape)
        hot = np.broadcast_to(self.hot[:, None], usable.shape)
        return LearningRows(ratings[usable], hot[usable], weight[usable])

    def _column_numbers(self, columns: Sequence[str]) -> list[int]:
        column_index = {name: number for number, name in enumerate(self.columns)}
        if absent := [name for name in columns if name not in column_index]:
            raise TrainingError(f"the table has no column {absent[0]} ({len(absent)} are missing)")
        return [column_index[name] for name in columns]


@dataclass(frozen=True)
class LearningRows:
    """Cases and their redraws as rows: several rows of one case weigh as much as one."""

    values: NDArray[np.float64]
    """(rows, columns)."""
    hot: NDArray[np.bool_]
    """(rows,)."""
    weight: NDArray[np.float64]
    """(rows,): those of a case add up to 1."""


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
