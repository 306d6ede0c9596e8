"""A download from the NBIA (TCIA): its list of series, and the spreadsheets beside it."""

import csv
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from deploy.errors import WrongUsage

LIST = "metadata.csv"
COLUMNS = ("Subject ID", "Study UID", "Study Date", "Series Description", "Modality", "File Location")


@dataclass(frozen=True)
class DownloadedSeries:
    """A series of the list."""

    patient: str
    study_uid: str
    study_date: str
    """As YYYYMMDD."""
    description: str
    modality: str
    folder: Path
    manufacturer: str = ""

    @property
    def files(self) -> list[Path]:
        """Its instances."""
        return sorted(self.folder.glob("*.dcm"))


def is_nbia_download(folder: Path) -> bool:
    """Return whether a folder holds a download, or several (``manifest-...``)."""
    return bool(_lists(folder))


def downloaded_series(folder: Path) -> list[DownloadedSeries]:
    """Return the series of all lists in a folder; those that were not downloaded are left out.

    Raises
    ------
    WrongUsage
        A list lacks a column.
    """
    return [one for path in _lists(folder) for one in _read(path) if one.folder.is_dir()]


def first_studies(series: Sequence[DownloadedSeries]) -> dict[str, list[DownloadedSeries]]:
    """Return the series of each patient's earliest study: the examination before the treatment."""
    by_patient: dict[str, list[DownloadedSeries]] = defaultdict(list)
    for one in series:
        by_patient[one.patient].append(one)
    found = {}
    for patient, theirs in sorted(by_patient.items()):
        first = min((one.study_date, one.study_uid) for one in theirs)
        found[patient] = [one for one in theirs if (one.study_date, one.study_uid) == first]
    return found


def spreadsheet(folder: Path, beginning: str) -> Path:
    """Return the spreadsheet of the collection whose name has this beginning.

    Raises
    ------
    WrongUsage
        There is none.
    """
    found = [path for path in sorted(folder.glob(f"{beginning}*")) if path.suffix in (".xlsx", ".csv")]
    if not found:
        raise WrongUsage(f"{folder}: expected {beginning}.xlsx (or .csv) of the collection in it, found none")
    return found[0]


def same_patient(name: str) -> str:
    """Return what patients are compared by: tables write UCSF_BR_06 or 100899, images UCSF-BR-06 or ISPY2-100899."""
    if name.upper().startswith("ACRIN"):  # in ISPY2, too, and numbered by themselves
        return name.upper()
    digits = re.findall(r"[0-9]+", name)
    return digits[-1].lstrip("0") if digits else name.upper()


def _lists(folder: Path) -> list[Path]:
    return [path for path in (folder / LIST, *sorted(folder.glob(f"*/{LIST}"))) if path.is_file()]


def _read(path: Path) -> Iterator[DownloadedSeries]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            rows = list(csv.DictReader(stream))
    except (OSError, ValueError, csv.Error) as error:
        raise WrongUsage(f"{path}: cannot be read as the list of an NBIA download ({type(error).__name__})") from error
    if missing := [name for name in COLUMNS if not rows or rows[0].get(name) is None]:
        raise WrongUsage(f"{path}: expected series with a column {missing[0]}, as in the list of an NBIA download")
    for row in rows:
        yield _series(path.parent, {name: value or "" for name, value in row.items()})


def _series(folder: Path, row: Mapping[str, str]) -> DownloadedSeries:
    place = row["File Location"].replace("\\", "/").removeprefix("./")  # the retriever for Windows writes backslashes
    return DownloadedSeries(
        row["Subject ID"],
        row["Study UID"],
        _date(row["Study Date"]),
        row["Series Description"],
        row["Modality"],
        folder / place,
        row.get("Manufacturer") or "",
    )


def _date(text: str) -> str:
    """Return a date as YYYYMMDD: the list has MM-DD-YYYY, and in some versions YYYY-MM-DD."""
    parts = re.findall(r"[0-9]+", text)
    if len(parts) == 3 and len(parts[2]) == 4:
        return f"{parts[2]}{parts[0]:>02}{parts[1]:>02}"
    return "".join(parts)
