"""The files in quarantine, and what the ledger says of them: both agree again after a crash or an outage.

A reason that the ledger did not take lies as JSON beside its object until it does; earlier versions kept all so.
"""

import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from listener.ledger.quarantine import (
    QuarantineReason,
    Share,
    forget_quarantined,
    note_quarantined,
    quarantined_names,
)
from listener.ledger.schema import storable
from listener.runtime.logger import Logger
from listener.spool.atomic_files import fsync_folder
from listener.spool.record_file import UnreadableRecord, read_record
from listener.spool.spool import Spool

log = Logger(__name__)

YOUNG_SECONDS = 60.0
"""What is younger may still be in someone's hands."""
LOST = QuarantineReason(reason="unknown", message="its reason was lost")


def found_there(spool: Spool) -> Share:
    """Return how much lies there, as the files themselves say it."""
    sizes = []
    for path in spool.quarantine.glob("*.dcm"):
        with suppress(FileNotFoundError):  # removed meanwhile
            sizes.append(path.stat().st_size)
    return Share(len(sizes), sum(sizes))


def without_reason(spool: Spool) -> list[Path]:
    """Return the objects of which neither the ledger nor a file says why they are there."""
    known = quarantined_names(spool.ledger)
    found = sorted(_named(spool, ".dcm"))
    return [path for path in found if path.stem not in known and not path.with_suffix(".json").exists()]


def without_object(spool: Spool) -> list[str]:
    """Return the names that the ledger, or a file, has of objects that are not there."""
    names = quarantined_names(spool.ledger) | {path.stem for path in _named(spool, ".json")}
    return sorted(name for name in names if not (spool.quarantine / f"{name}.dcm").exists())


def agree(spool: Spool) -> None:
    """Take reasons over that lie beside objects, forget objects that are gone, and give a reason to those without.

    Removes no object: one that is not there at a moment may be about to be exchanged for its corrected copy.
    """
    for path in _named(spool, ".json"):
        # Another listener was faster, its object is gone, or a person put there what this user may not read.
        with suppress(FileNotFoundError, PermissionError):
            _take_over(spool, path)
    gone = [name for name in without_object(spool) if not _is_young(spool.quarantine / f"{name}.json")]
    for name in gone:
        (spool.quarantine / f"{name}.json").unlink(missing_ok=True)
    if gone:
        forget_quarantined(spool.ledger, gone)
    for path in without_reason(spool):
        with suppress(FileNotFoundError):  # removed meanwhile
            _give_reason(spool, path)


def remove_from_quarantine(spool: Spool, names: Iterable[str]) -> None:
    """Remove objects, the files first: a name that is left in the ledger alone is forgotten at the next start."""
    removed = list(names)
    for name in removed:
        for suffix in (".dcm", ".json"):
            (spool.quarantine / f"{name}{suffix}").unlink(missing_ok=True)
    fsync_folder(spool.quarantine)
    forget_quarantined(spool.ledger, removed)


def _named(spool: Spool, suffix: str) -> Iterator[Path]:
    """Yield the files under names that the ledger can hold; a person may have put others there."""
    return (path for path in spool.quarantine.glob(f"[!.]*{suffix}") if storable(path.stem) == path.stem)


def _take_over(spool: Spool, path: Path) -> None:
    size = path.with_suffix(".dcm").stat().st_size
    try:
        reason = read_record(QuarantineReason, path)
    except UnreadableRecord:
        reason = LOST
    written = reason.at or datetime.fromtimestamp(path.stat().st_mtime, UTC)
    note_quarantined(spool.ledger, path.stem, size, replace(reason, at=written))
    path.unlink(missing_ok=True)


def _give_reason(spool: Spool, path: Path) -> None:
    found = path.stat()
    if time.time() - found.st_mtime >= YOUNG_SECONDS:
        log.warning("spool_repaired", defect="object_without_reason", job=None, name=path.name)
        arrived = datetime.fromtimestamp(found.st_mtime, UTC)
        note_quarantined(spool.ledger, path.stem, found.st_size, replace(LOST, at=arrived))


def _is_young(path: Path) -> bool:
    try:
        return time.time() - path.stat().st_mtime < YOUNG_SECONDS
    except FileNotFoundError:
        return False
