"""What a cohort's retrieval asks an archive, whatever protocol it speaks."""

from pathlib import Path
from typing import Protocol

from listener.dicom.uids import InvalidUid, checked_uid
from listener.spool.atomic_files import write_bytes

MODALITIES = ("MR", "SEG", "RTSTRUCT")


class Busy(Exception):
    """The archive does not answer, or not now: the same request may succeed later. The message says what happened."""


class Unanswered(Busy):
    """There is not even a connection."""


class QueryFailed(Exception):
    """A query that did not end with success: what is in the archive is not known."""


class Archive(Protocol):
    """An archive of studies. Every method may raise `Busy`, and `CommandError` where no further request makes sense."""

    def studies(self, keyword: str, value: str) -> list[str]:
        """Return the Study Instance UIDs of the studies that have this value; `QueryFailed` if it is not known."""

    def series(self, study: str) -> list[str]:
        """Return the series of a study that are in `MODALITIES`; `QueryFailed` if it is not known."""

    def fetch(self, study: str, series: str, folder: Path) -> bool:
        """Store a series below ``folder/study``; return whether the archive sent all of it."""

    def stop(self) -> None:
        """End what is being fetched."""


def is_uid(value: str) -> bool:
    """Return whether a text is a valid UID."""
    try:
        checked_uid(value)
    except InvalidUid:
        return False
    return True


def store(folder: Path, study: str, uid: str, content: bytes) -> None:
    """Write an object of a study as a Part 10 file; both UIDs become part of the path and are valid ones."""
    place = folder / checked_uid(study)
    place.mkdir(parents=True, exist_ok=True)
    write_bytes(place / f"{checked_uid(uid)}.dcm", content)
