"""Which studies something came of lately: an empty file for each study and day, so that a start need not look at all.

``recent/<UTC date>/<study>`` is there before an object of that study gets its name in ``studies``. It is on disk before
the object's name in ``receiving`` is removed: what a power cut takes in between is noted again with the object.
"""

import os
import shutil
import time
from contextlib import suppress
from datetime import date, datetime, timedelta
from pathlib import Path

from listener.dicom.uids import is_uid
from listener.spool.atomic_files import make_folder, write_bytes

FOLDER = "recent"
"""In the spool's folder."""
COMPLETE = "complete"
"""Beside the days: every study that has no note is in the ledger. Holds when the newest object came that the ledger
knew of then; an older ledger that was restored since knows of none as young."""
KEPT = 2
"""So many days on which something came are kept, however long ago they are: a ledger that was restored from an older
backup is recognised by them."""


def note_recent(root: str, study_uid: str) -> str:
    """Note that an object of a study comes today; return the folder that is to be synced."""
    folder = f"{root}/{FOLDER}/{time.strftime('%Y-%m-%d', time.gmtime())}"
    path = f"{folder}/{study_uid}"
    if not os.access(path, os.F_OK):  # else it is there for every later object of the day
        make_folder(Path(folder))
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o640))
    return folder


def recent_studies(root: Path) -> frozenset[str] | None:
    """Return the studies that are noted; None where the ledger may lack others: of an earlier version, for example."""
    if not (root / FOLDER / COMPLETE).exists():
        return None
    return frozenset(name for day in _days(root) for name in os.listdir(root / FOLDER / day) if is_uid(name))


def newest_studies(root: Path) -> frozenset[str]:
    """Return the studies that are noted for the last day on which something came; none where nothing is noted."""
    days = _days(root)
    return frozenset(filter(is_uid, os.listdir(root / FOLDER / days[-1]))) if days else frozenset()


def oldest_day(root: Path) -> date | None:
    """Return the first day of which the studies are noted; all that came since is among them."""
    days = _days(root)
    return date.fromisoformat(days[0]) if days else None


def known_then(root: Path) -> datetime | None:
    """Return when the newest object came, as the ledger knew it when it last had all studies; None: not noted."""
    with suppress(FileNotFoundError, ValueError):
        return datetime.fromisoformat((root / FOLDER / COMPLETE).read_text())
    return None


def forget_old_days(root: Path, today: date, last_arrival: datetime | None) -> None:
    """Remove the notes of the days before yesterday; call it when the ledger has all studies that came then.

    ``last_arrival``: of the newest object that the ledger knows of.
    """
    make_folder(root / FOLDER)
    write_bytes(root / FOLDER / COMPLETE, last_arrival.isoformat().encode() if last_arrival else b"")
    yesterday = (today - timedelta(days=1)).isoformat()
    for day in _days(root)[:-KEPT]:
        if day < yesterday:
            shutil.rmtree(root / FOLDER / day, ignore_errors=True)  # another listener may be doing the same


def _days(root: Path) -> list[str]:
    try:
        return sorted(name for name in os.listdir(root / FOLDER) if _is_day(name))
    except FileNotFoundError:
        return []


def _is_day(name: str) -> bool:
    try:
        date.fromisoformat(name)
    except ValueError:
        return False
    return True
