"""Spreadsheets of public collections, row by row as texts."""

import re
import zipfile
from collections.abc import Collection
from pathlib import Path
from typing import Any

from deploy.errors import WrongUsage

UNREADABLE = (OSError, ValueError, KeyError, zipfile.BadZipFile)
"""What pandas and openpyxl raise for a file that is no spreadsheet."""
WITH_POINT = re.compile(r"-?\d+\.0")
SHOWN = 12
"""Names of columns in a message: Duke's table has a hundred."""


def spreadsheet_rows(path: Path, header: int = 0) -> list[dict[str, str]]:
    """Return the rows of a .csv or .xlsx file; ``header`` is the row with the names, from 0.

    Raises
    ------
    WrongUsage
        It cannot be read, or has no rows.
    """
    import pandas as pd

    read: Any = pd.read_csv if path.suffix == ".csv" else pd.read_excel
    try:
        frame = read(path, dtype=str, header=header).fillna("")
    except UNREADABLE as error:
        raise WrongUsage(f"{path}: cannot be read as a spreadsheet ({type(error).__name__}): get it again") from error
    rows = [{str(name).strip(): _text(str(value)) for name, value in row.items()} for row in frame.to_dict("records")]
    if not rows:
        raise WrongUsage(f"{path}: expected a row for each patient, found none")
    return rows


def _text(value: str) -> str:
    """Return a cell: 1 for 1.0, because a column of whole numbers with empty cells is stored with a decimal point."""
    cell = value.strip()
    return cell.removesuffix(".0") if WITH_POINT.fullmatch(cell) else cell


def require_columns(path: Path, rows: list[dict[str, str]], wanted: Collection[str]) -> None:
    """Refuse a table without the columns ``wanted``.

    Raises
    ------
    WrongUsage
        Naming those that are missing, and what there is.
    """
    if missing := [name for name in wanted if name not in rows[0]]:
        raise missing_columns(path, rows, missing)


def missing_columns(path: Path, rows: list[dict[str, str]], missing: Collection[str]) -> WrongUsage:
    """Return the error for columns that are not there."""
    found = [name for name in rows[0] if not name.startswith("Unnamed: ")]
    more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    said = f"expected a column {' and a column '.join(missing)}, found {', '.join(found[:SHOWN])}{more}"
    return WrongUsage(f"{path}: {said}")
