"""After a crash: finds outlines in the spool that have no job. A damaged file does not delay the others."""

import os
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

from pydicom import dcmread

from listener.dicom.data_set import UNREADABLE_FILE, UnreadableDataSet, read_attributes
from listener.dicom.sop_classes import is_outline
from listener.dicom.uids import is_uid
from listener.ledger.set_aside_outlines import is_set_aside
from listener.pairing.evidence import series_of_study
from listener.pairing.segmentation_references import OUTLINE_TAGS, SegmentationReferences, outline_of
from listener.runtime.logger import Logger
from listener.spool.jobs import job_id_for
from listener.spool.recent_studies import known_then, oldest_day, recent_studies
from listener.spool.spool import Spool
from listener.spool.study_rows import last_arrival

log = Logger(__name__)

RECENT_SECONDS = 24 * 3600.0
"""Outlines received within this time that have no job get one. An older one had its job, and retention may have removed
it; one that was never acknowledged is sent again by its sender anyway. Where an older ledger was restored, those that
came since are recent, too."""

Guarded = Callable[[Callable[[], None]], object]
"""Runs a step; logs what it raises."""


def studies_to_look_at(spool: Spool) -> frozenset[str]:
    """Return the studies of which something came lately; all, where the ledger may lack others.

    That is so once after the update from an earlier version, and where an older ledger was restored.
    """
    recent = recent_studies(spool.root)
    if recent is None or _is_older(spool):
        return frozenset(filter(is_uid, os.listdir(spool.studies)))
    return recent


def _is_older(spool: Spool) -> bool:
    """Tell whether the ledger knows less than it did: of what came before the first day that is noted, for example."""
    before, oldest = known_then(spool.root), oldest_day(spool.root)
    known = last_arrival(spool.ledger)
    if known is None:
        return bool(before or oldest)
    return bool((before and known < before) or (oldest and known.date() < oldest))


def outlines_without_job(
    spool: Spool, studies: Iterable[str], guarded: Guarded, found: Callable[[Path], None]
) -> set[str]:
    """Call ``found`` with the path of every recent outline that has no job; return which of the studies are recent.

    One head is read per series that was touched lately; in a series of outlines each file's name is its UID.
    """
    oldest = _oldest(spool)
    recent: set[str] = set()
    for study in sorted(studies):
        guarded(partial(_look_at_study, spool, spool.studies / study, oldest, guarded, found, recent))
    return recent


def _oldest(spool: Spool) -> float:
    """Return since when an outline without a job gets one (Unix time, seconds)."""
    oldest = time.time() - RECENT_SECONDS
    known = last_arrival(spool.ledger) if _is_older(spool) else None
    return min(oldest, known.timestamp()) if known else oldest


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
