"""Outlines that are kept and make no case: our own results, and what was drawn on no breast MR.

Beside the object lies ``<sop instance>.aside.json`` with the reason, and goes with it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from listener.spool.record_file import UnreadableRecord, UtcTime, read_record, write_record
from listener.spool.spool import Spool

ENDING = ".aside.json"


class SetAside(StrEnum):
    """Why an outline makes no case."""

    OWN_RESULT = "own_result"
    """It is a result of radtme."""
    OTHER_IMAGES = "other_images"
    """It was drawn on images that are never accepted, such as CT."""
    OTHER_BODY_PART = "other_body_part"
    """Its headers, or those of its images, name another part of the body than the breast."""


@dataclass(frozen=True)
class SetAsideOutline:
    """An outline that makes no case."""

    study_uid: str
    series_uid: str
    sop_instance_uid: str
    reason: str
    message: str
    calling_ae_title: str | None
    at: UtcTime


def set_aside(
    spool: Spool,
    uids: tuple[str, str, str],
    reason: SetAside,
    message: str,
    calling_ae_title: str | None,
) -> bool:
    """Note that an outline (study, series and SOP Instance UID) makes no case; False where that is noted already."""
    file = _file(spool, *uids)
    if file.exists():
        return False
    write_record(file, SetAsideOutline(*uids, reason, message, calling_ae_title, datetime.now(UTC)))
    return True


def is_set_aside(spool: Spool, study_uid: str, series_uid: str, sop_instance_uid: str) -> bool:
    """Tell whether it is noted that an outline makes no case."""
    return _file(spool, study_uid, series_uid, sop_instance_uid).exists()


def set_aside_outlines(spool: Spool) -> Iterator[SetAsideOutline]:
    """Yield those in the spool; one that is being removed, or cannot be read, is passed over."""
    for path in spool.studies.glob(f"*/*/*{ENDING}"):
        try:
            yield read_record(SetAsideOutline, path)
        except (OSError, UnreadableRecord):
            continue


def _file(spool: Spool, study_uid: str, series_uid: str, sop_instance_uid: str) -> Path:
    return spool.instance_path(study_uid, series_uid, sop_instance_uid).with_name(f"{sop_instance_uid}{ENDING}")
