"""The columns that a forest is fitted on: one of each group of copies."""

import dataclasses
from collections.abc import Callable

import numpy as np

from model_store.cohort.feature_table import FeatureTable
from model_store.training.column_selection import select_columns


def test_copies_of_a_column_are_chosen_once(make_table: Callable[..., FeatureTable]) -> None:
    """Of columns that order the cases alike, the first is taken and the others give way to something new."""
    table = make_table(3, effect=2.0)
    values = table.values.copy()
    values[:, 1] = np.exp(values[:, 0])
    values[:, 2] = -3 * values[:, 0]
    chosen = select_columns(dataclasses.replace(table, values=values), 10)
    assert len({"ring_f000", "ring_f001", "ring_f002"} & set(chosen)) == 1
    assert len(chosen) == 10
