"""When a job is ready: by evidence, not by the clock.

A segmentation names the instances it was drawn on. Its job waits for exactly those; once the last one is in the spool
and the study has been quiet for a short settle time, it is ready, in whatever order objects arrive. All of this is a
function of values and of the spool's content; `listener.pairing.pairer` scans the spool.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING

from listener.ledger.self_test_recipients import SelfTestRecipients
from listener.pairing.evidence import Evidence, SeriesHeads, Waiting, evidence
from listener.settings import DeadlinePolicy, ListenerSettings
from listener.spool.job_record import (
    UNKNOWN_SERIES,
    JobRecord,
    NotComplete,
    SegmentationReference,
)
from listener.spool.jobs import Job, job_id_for
from listener.spool.spool import Spool

if TYPE_CHECKING:
    from listener.pairing.segmentation_references import SegmentationReferences

MISSING_INSTANCES = "missing_instances"
MAX_SERIES_NAMED = 3


class PairingDecision(Enum):
    """What to do with a waiting job now."""

    WAIT = "wait"
    READY = "ready"
    FETCH = "fetch"
    CLOSE = "close"


def waiting_for(spool: Spool, job: Job) -> Waiting:
    """Return what a waiting job waits for; ``str()`` of it is a sentence such as ``37 of 176 instances missing``."""
    record = job.record
    found = evidence(spool, record, SeriesHeads())
    return replace(found.waiting(), where=expected_in(record, found) if found.missing_count else "")


def new_job(
    outline: "SegmentationReferences",
    calling_ae_title: str | None,
    replaces: str | None,
    created: datetime,
    self_test: SelfTestRecipients | None = None,
) -> JobRecord:
    """Return the first job of an outline, which waits for its images."""
    return JobRecord(
        job_id=job_id_for(outline.sop_instance_uid, 1),
        version=1,
        replaces=replaces,
        study_uid=outline.study_uid,
        seg=SegmentationReference(outline.series_uid, outline.sop_instance_uid),
        pairing=outline.pairing,
        frame_of_reference_uid=outline.frame_of_reference_uid,
        required=outline.required,
        created=created,
        tracking_uids=outline.tracking_uids,
        calling_ae_title=calling_ae_title,
        self_test=self_test,
    )


def next_version(
    previous: JobRecord, found: Evidence, created: datetime, other_series: Mapping[str, int | None] | None = None
) -> JobRecord:
    """Return the job that scores the same outline again, ready with the images that are there now."""
    version = previous.version + 1
    fresh = replace(
        previous,
        job_id=job_id_for(previous.seg.sop_instance_uid, version, previous.segment_number),
        version=version,
        replaces=previous.job_id,
        created=created,
        fetched=None,
    )
    return made_ready(fresh, found, created, other_series)


def made_ready(
    job: JobRecord,
    found: Evidence,
    readied: datetime,
    other_series: Mapping[str, int | None] | None = None,
    closed: str = "",
) -> JobRecord:
    """Return a job that no longer waits; ``closed`` is the reason where not all of its images are there.

    ``other_series`` is what `listener.pairing.other_phases.OtherPhases.counts` returns; None: as in the job.
    """
    return replace(
        job,
        required={series: found.required[series] for series in sorted(found.required)},
        instances={series: tuple(sorted(found.images[series])) for series in sorted(found.images)},
        other_series=job.other_series if other_series is None else other_series,
        not_complete=NotComplete(MISSING_INSTANCES, closed) if closed else None,
        readied=readied,
    )


def closing_message(job: JobRecord, found: Evidence) -> str:
    """Return what was missing when the deadline passed, and where it was expected."""
    if not found.required:
        return "no image of the segmentation's frame of reference came before the deadline"
    return f"{found.waiting()} when the deadline passed ({expected_in(job, found)})"


def expected_in(job: JobRecord, found: Evidence) -> str:
    """Return in words where the missing instances of a job are expected."""
    named = [series for series in found.missing if series != UNKNOWN_SERIES]
    series = f"series {', '.join(named[:MAX_SERIES_NAMED])}" if named else "a series that it does not name"
    more = f" and {len(named) - MAX_SERIES_NAMED} more" if len(named) > MAX_SERIES_NAMED else ""
    return f"expected in {series}{more} of study {job.study_uid}"


def decide(
    found: Evidence,
    settings: ListenerSettings,
    quiet_seconds: float,
    age_seconds: float,
    fetched: bool,
    *,
    more_may_come: bool = True,
) -> PairingDecision:
    """Return what to do with a waiting job.

    Parameters
    ----------
    found
        The instances in the spool for it.
    settings
        Settle times, deadline and policy.
    quiet_seconds
        For how long its image series have not changed.
    age_seconds
        For how long it has waited; after a fetch, since the fetch.
    fetched
        Whether the missing images were already requested.
    more_may_come
        Whether an open association may bring more of the study, or images came after the outline.
    """
    expired = age_seconds >= settings.deadline_seconds
    if found.complete:
        return (
            PairingDecision.READY
            if expired or quiet_seconds >= settle_seconds(found, settings, more_may_come=more_may_come)
            else PairingDecision.WAIT
        )
    if not expired:
        return PairingDecision.WAIT
    may_fetch = settings.deadline_policy is DeadlinePolicy.FETCH and settings.retrieve_from is not None
    return PairingDecision.FETCH if may_fetch and not fetched and found.missing_count else PairingDecision.CLOSE


def settle_seconds(found: Evidence, settings: ListenerSettings, *, more_may_come: bool = True) -> float:
    """Return how long a job's series must be quiet: longer where quiet is all the evidence there is.

    Where every named instance is there, the outline came last, and no open association may bring more of the study,
    nothing is left to wait for.
    """
    if not found.required or found.converted:
        return settings.settle_unreferenced_seconds
    return settings.settle_seconds if more_may_come else 0.0
