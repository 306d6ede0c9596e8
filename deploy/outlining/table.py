"""A table of masks: one case a row, as CSV."""

import csv
from dataclasses import dataclass
from pathlib import Path

from deploy.errors import WrongUsage
from deploy.outlining.mask import WantedLabel, stem_of

SEG_ENDING = ".seg.dcm"


@dataclass(frozen=True)
class OutlineRow:
    """The inputs of one SEG."""

    mask: Path
    series: Path
    output: Path
    phase: int | None = None
    labels: tuple[WantedLabel, ...] = ()


def default_output(mask: Path) -> Path:
    """Return where the SEG of a mask is written: beside it."""
    return mask.with_name(stem_of(mask) + SEG_ENDING)


def read_table(file: Path, folder: Path) -> list[OutlineRow]:
    """Read a CSV with the columns mask and series; optional: phase, label, output. Paths start from ``folder``.

    Several labels in one cell are separated by semicolons: ``1=Left;2=Right``. Columns may be, too, as spreadsheets
    write them where numbers have a decimal comma.

    Raises
    ------
    WrongUsage
        With the line of what is wrong.
    """
    try:
        return _rows(file, folder)
    except UnicodeDecodeError as error:
        raise WrongUsage(f"{file}: is not in UTF-8", "save it from the spreadsheet as CSV UTF-8") from error


def _rows(file: Path, folder: Path) -> list[OutlineRow]:
    with file.open(newline="", encoding="utf-8-sig") as stream:
        header = stream.readline()
        stream.seek(0)
        rows = csv.DictReader(stream, delimiter=";" if ";" in header and "," not in header else ",")
        missing = {"mask", "series"} - set(rows.fieldnames or ())
        if missing:
            raise WrongUsage(
                f"{file}: expected the columns mask and series, found no {min(missing)}",
                "further columns: phase, label, output",
            )
        return [_row(file, at, row, folder) for at, row in enumerate(rows, start=2)]


def _row(file: Path, at: int, row: dict[str, str | None], folder: Path) -> OutlineRow:
    cells = {name: (value or "").strip() for name, value in row.items() if name is not None and isinstance(value, str)}
    mask, series = folder / cells.get("mask", ""), folder / cells.get("series", "")
    if not mask.is_file():
        raise WrongUsage(f"{file}:{at}: mask: {mask} is not a file")
    if not series.is_dir():
        raise WrongUsage(f"{file}:{at}: series: {series} is not a folder")
    phase = cells.get("phase", "")
    if phase and not (phase.isdecimal() and int(phase) > 0):
        raise WrongUsage(f"{file}:{at}: phase: expected a number from 1, found {phase!r}")
    try:
        labels = tuple(WantedLabel.parse(text) for text in cells.get("label", "").split(";") if text.strip())
    except ValueError as error:
        raise WrongUsage(f"{file}:{at}: label: {error}") from error
    output = folder / cells["output"] if cells.get("output") else default_output(mask)
    return OutlineRow(mask, series, output, int(phase) if phase else None, labels)
