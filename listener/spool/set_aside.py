"""Outlines that are kept and make no case: our own results, and what was drawn on no breast MR.

Beside the object lies ``<sop instance>.aside.json`` with the reason, and goes with it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

from listener.spool.atomic_files import read_json, write_json
from listener.spool.spool import Spool
from listener.spool.timestamps import now

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
    at: str
    """UTC, ISO 8601."""


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
    write_json(file, asdict(SetAsideOutline(*uids, reason.value, message, calling_ae_title, now())))
    return True


def is_set_aside(spool: Spool, study_uid: str, series_uid: str, sop_instance_uid: str) -> bool:
    """Tell whether it is noted that an outline makes no case."""
    return _file(spool, study_uid, series_uid, sop_instance_uid).exists()


def set_aside_outlines(spool: Spool) -> Iterator[SetAsideOutline]:
    """Yield those in the spool; one that is being removed, or cannot be read, is passed over."""
    for path in spool.studies.glob(f"*/*/*{ENDING}"):
        try:
            yield _of_json(read_json(path))
        except (OSError, ValueError, TypeError):
            continue


def _of_json(content: Mapping[str, str]) -> SetAsideOutline:
    return SetAsideOutline(**content)


def _file(spool: Spool, study_uid: str, series_uid: str, sop_instance_uid: str) -> Path:
    return spool.instance_path(study_uid, series_uid, sop_instance_uid).with_name(f"{sop_instance_uid}{ENDING}")
