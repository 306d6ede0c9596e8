"""After a crash: finds outlines in the spool that have no job. A damaged file does not delay the others."""

import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import structlog
from pydicom import dcmread

from listener.dicom.data_set import UNREADABLE_FILE, UnreadableDataSet, read_attributes
from listener.dicom.sop_classes import is_outline
from listener.dicom.uids import is_uid
from listener.ledger.set_aside_outlines import is_set_aside
from listener.pairing.evidence import series_of_study
from listener.pairing.segmentation_references import OUTLINE_TAGS, SegmentationReferences, outline_of
from listener.spool.jobs import job_id_for
from listener.spool.spool import Spool

log = structlog.get_logger()

RECENT_SECONDS = 24 * 3600.0
"""Outlines received within this time that have no job get one. An older one had its job, and retention may have removed
it; one that was never acknowledged is sent again by its sender anyway."""

Guarded = Callable[[Callable[[], None]], object]
"""Runs a step; logs what it raises."""


def outlines_without_job(spool: Spool, guarded: Guarded, found: Callable[[Path], None]) -> set[str]:
    """Call ``found`` with the path of every recent outline that has no job; return the studies that are recent.

    One head is read per series that was touched lately; in a series of outlines each file's name is its UID.
    """
    oldest = time.time() - RECENT_SECONDS
    recent: set[str] = set()
    for study in sorted(spool.studies.iterdir()):
        if is_uid(study.name):
            guarded(partial(_look_at_study, spool, study, oldest, guarded, found, recent))
    return recent


def outline_at(path: Path) -> SegmentationReferences | None:
    """Read an outline from the spool; None, and a warning in the log, where that is not possible."""
    try:
        return outline_of(dcmread(path, stop_before_pixels=True, specific_tags=list(OUTLINE_TAGS)))
    except (UnreadableDataSet, *UNREADABLE_FILE) as error:
        log.warning("outline_unreadable", sop_instance_uid=path.stem, error=type(error).__name__)
        return None


def _look_at_study(
    spool: Spool, study: Path, oldest: float, guarded: Guarded, found: Callable[[Path], None], recent: set[str]
) -> None:
    for series in series_of_study(spool, study.name):
        if (study / series).stat().st_mtime >= oldest:
            recent.add(study.name)
            guarded(partial(_look_at_series, spool, study / series, guarded, found))


def _look_at_series(spool: Spool, series: Path, guarded: Guarded, found: Callable[[Path], None]) -> None:
    if _holds_outlines(series):
        for path in _without_job(spool, series):
            guarded(partial(found, path))


def _without_job(spool: Spool, series: Path) -> Iterator[Path]:
    for path in sorted(series.glob("*.dcm")):
        if not is_uid(path.stem) or is_set_aside(spool.ledger, series.parent.name, series.name, path.stem):
            continue
        if spool.find_job(job_id_for(path.stem, 1)) is None:
            yield path


def _holds_outlines(series: Path) -> bool:
    for path in series.glob("*.dcm"):
        head = read_attributes(path, "SOPClassUID")
        if head is not None:  # else another instance of the series may say it
            return is_outline(str(head.get("SOPClassUID")))
    return False
