"""A table of a study's own with one row for each patient, and how it is written."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar


@dataclass(frozen=True)
class PatientTable:
    """Where values of patients are."""

    SHORT_FORM: ClassVar = "table"
    """A configuration that gives the path alone means this field."""

    table: Path
    """Parquet or CSV with one row for each patient."""
    patient: str = "patient"
    """Name of the column with the patient."""
    separator: str = ","
    """Of a CSV."""

    def __post_init__(self) -> None:
        """Refuse a separator that is none.

        Raises
        ------
        ValueError
            Naming the field.
        """
        if len(self.separator) != 1:
            raise ValueError(f"separator: expected one character, found {self.separator!r}")
