"""Clinical data of the patients of a cohort: one row per patient."""

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from model_store.errors import StudyError

PATIENT = "patient"


def category_word(value: object) -> str:
    """Return a category as a word: pandas reads a column of 1 and 2 with empty cells as 1.0 and 2.0."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def read_clinical(path: Path, columns: Iterable[str]) -> pd.DataFrame:
    """Read a CSV or Parquet table with a column ``patient``; return the named columns, indexed by patient.

    Raises
    ------
    StudyError
        No such file or column, or a patient with two rows.
    """
    try:
        table = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path, dtype={PATIENT: str})
    except (OSError, ValueError) as error:
        raise StudyError(
            f"{path} cannot be read as a table ({type(error).__name__}); expected CSV or Parquet"
        ) from error
    wanted = list(dict.fromkeys(columns))
    if missing := [name for name in (PATIENT, *wanted) if name not in table.columns]:
        raise StudyError(f"{path} has no column {', '.join(missing)}; it has {', '.join(map(str, table.columns))}")
    if twice := int(table[PATIENT].duplicated().sum()):
        raise StudyError(f"{path}: {twice} rows repeat a patient; expected one row per patient")
    return table.set_index(table[PATIENT].astype(str))[wanted]
