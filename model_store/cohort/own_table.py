"""The table with a study's own columns: one row for each patient, joined to the measured cases."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from model_store.cohort.clinical import category_word
from model_store.cohort.labelled_cohort import read_patients
from model_store.cohort.patient_table import PatientTable
from model_store.cohort.plan import PROFILE
from model_store.errors import TrainingError
from model_store.signatures.own_columns import OwnColumn

SHOWN = 5
"""Of the mistakes of a table; the others are counted."""


def read_own(own: PatientTable, columns: Sequence[OwnColumn]) -> pd.DataFrame:
    """Return the columns as numbers, named as in feature tables, by patient; NaN where a cell is empty.

    Raises
    ------
    TrainingError
        The table cannot be read, lacks a column, has a patient twice, or with every value that is not foreseen.
    """
    frame = read_patients(own, [one.column for one in columns])
    patients = frame[own.patient].tolist()
    if twice := len(patients) - len(set(patients)):
        raise TrainingError(f"{own.table.name}: {twice} rows repeat a patient; expected one row for each")
    found = pd.DataFrame(index=pd.Index(patients, name="patient"))
    mistakes: list[str] = []
    for one in columns:
        values = [_number(value, one) for value in frame[one.column]]
        wrong = [row for row, value in enumerate(values) if value is None]
        mistakes += [f"column {one.column}, row {row + 1}: {frame[one.column].iloc[row]!r}" for row in wrong]
        found[one.feature] = np.array([np.nan if value is None else value for value in values], np.float64)
    if mistakes:
        more = f" and {len(mistakes) - SHOWN} more" if len(mistakes) > SHOWN else ""
        raise TrainingError(
            f"{own.table.name}: expected numbers, or the words that order lists for the column, or empty cells; found "
            f"{'; '.join(mistakes[:SHOWN])}{more}"
        )
    return found


def _number(value: Any, column: OwnColumn) -> float | None:
    """Return a value as a number, NaN where there is none; None where it is not foreseen."""
    text = "" if pd.isna(value) else category_word(value).strip()
    if not text:
        return float("nan")
    if column.order:
        return column.codes.get(text.casefold())
    try:
        number = float(text.replace(",", "."))
    except ValueError:
        return None
    return number if np.isfinite(number) else None


def with_own(features: pd.DataFrame, own: pd.DataFrame) -> pd.DataFrame:
    """Return a feature table with the own columns (`read_own`) of each row's patient; NaN where there is no such row.

    Raises
    ------
    TrainingError
        No patient is in both, or the feature table has such a column already.
    """
    if there := [name for name in own.columns if name in features]:
        raise TrainingError(f"the feature table has a column {there[0]} already; rename one of the two")
    patients = features["patient"].astype(str)
    if not patients.isin(own.index).any():
        raise TrainingError(
            f"none of the {patients.nunique()} patients of the feature table is among the {len(own)} of the table with "
            "own columns; check that both use the same pseudonyms"
        )
    return pd.concat([features, own.reindex(patients).set_axis(features.index)], axis=1)


def patients_as_cases(own: pd.DataFrame, profile: str) -> pd.DataFrame:
    """Return a feature table with one case for each patient, and own columns alone."""
    names = own.index.astype(str)
    head = pd.DataFrame({"case": names, "patient": names, PROFILE: profile, "reason": ""})
    return pd.concat([head, own.reset_index(drop=True)], axis=1)
