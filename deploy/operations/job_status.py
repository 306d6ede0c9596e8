"""The status of one job: its state, why and since when, and its outcome."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from deploy.operations.delivery_status import DeliveryStatus, read_deliveries
from deploy.terminal import age
from listener.ledger.deliveries import DeliveryState
from listener.ledger.reader_assessments import ReaderAssessment, read_assessments
from listener.runtime.timestamps import format_time, parse_time
from listener.spool.job_notes import Attempts, Drop, Failure, Hold
from listener.spool.job_record import JobRecord
from listener.spool.jobs import Job, JobState
from listener.spool.record_file import UnreadableRecord
from listener.spool.spool import Spool
from model_store.signatures.certainty import PredictionSet
from workers.results.result_record import OutlineCorrection, RegionRecord, ResultRecord, read_result
from workers.scoring.case_result import Doubt, Phenotype, ResultOutcome, SignatureIdentity, Stability
from workers.stages import Stage

if TYPE_CHECKING:
    from listener.pairing.evidence import Waiting

LONG_READY_SECONDS = 900
"""As the alert RadtmeCasesWaitForWorkers."""


@dataclass(frozen=True)
class JobStatus:
    """One job of the spool."""

    job_id: str
    state: JobState
    version: int
    replaces: str | None
    study_uid: str
    since: datetime | None
    """When it came into its state, as far as its files say."""
    says: str
    """Why it is where it is, in words."""
    times: Mapping[str, str]
    """All recorded times, UTC, in order."""
    missing_instances: int = 0
    required_instances: int = 0
    not_complete: str | None = None
    """What was missing when the deadline ended the waiting."""
    outcome: ResultOutcome | None = None
    hot_probability: float | None = None
    threshold: float | None = None
    phenotype: Phenotype | None = None
    """The verdict."""
    tendency: Phenotype | None = None
    """The class by the threshold."""
    prediction_set: PredictionSet | None = None
    """The classes that the case may belong to; None where the signature was not calibrated."""
    stability: Stability | None = None
    """Scores of redrawn outlines; None where none were redrawn."""
    doubts: tuple[Doubt, ...] = ()
    """Why the verdict is uncertain."""
    reason: str | None = None
    """Coded: of a rejection or a failure."""
    held: Hold | None = None
    """Who holds it, since when and why."""
    dropped: Drop | None = None
    """Who gave it up, when and why."""
    attempts: int = 0
    signature: SignatureIdentity | None = None
    regions: tuple[RegionRecord, ...] = ()
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    """Those of the notes that change how the score is to be read."""
    stage_seconds: Mapping[Stage, float] = field(default_factory=dict)
    deliveries: tuple[DeliveryStatus, ...] = ()
    correction: OutlineCorrection | None = None
    """How far its outline differs from the one that it corrects."""
    assessments: tuple[ReaderAssessment, ...] = ()
    """What readers said of the result: of each the last."""
    withheld: Mapping[str, str] = field(default_factory=dict)
    """Targets whose filter holds the result back, each with the reason."""
    objects: tuple[str, ...] = ()
    """Paths of the results."""


def waits_long_for_a_worker(jobs: Iterable[JobStatus]) -> str:
    """Return a sentence on how long the oldest ready job has waited, if longer than running workers take."""
    ready = [one.since for one in jobs if one.state is JobState.READY and one.since and not one.held]
    oldest = min(ready, default=None)
    if oldest is None or (datetime.now(UTC) - oldest).total_seconds() <= LONG_READY_SECONDS:
        return ""
    return f"No worker has begun the oldest ready case for {age(oldest)}: does one run for compute?"


def read_job(spool: Spool, job: Job) -> JobStatus:
    """Return the status of one job."""
    record, failure, attempts, held = job.record, job.failure, job.attempts, job.hold
    try:
        result = read_result(job)
    except UnreadableRecord as error:
        return _unreadable(job, error)
    dropped = job.drop if job.state is JobState.DROPPED else None
    deliveries = read_deliveries(spool, job, result)
    waiting = _waiting_for(spool, job) if job.state is JobState.WAITING else None
    times = _times(record, attempts, result, failure, deliveries, held, dropped)
    score, rejection = (result.score, result.rejection) if result else (None, None)
    return JobStatus(
        job_id=job.id,
        state=job.state,
        version=record.version,
        replaces=record.replaces,
        study_uid=record.study_uid,
        since=_since(job.state, times, deliveries),
        says=_self_test(record)
        + (_decided(held, dropped, job) or _says(job.state, waiting, record, attempts, result, failure)),
        times=times,
        missing_instances=waiting.missing if waiting else 0,
        required_instances=sum(map(len, record.required.values())),
        not_complete=record.not_complete.message if record.not_complete else None,
        outcome=result.outcome if result else None,
        hot_probability=score.hot_probability if score else None,
        threshold=score.threshold if score else None,
        phenotype=score.phenotype if score else None,
        tendency=score.tendency or score.phenotype if score else None,
        prediction_set=score.prediction_set if score else None,
        stability=score.stability if score else None,
        doubts=score.doubts if score else (),
        reason=failure.reason if failure else rejection.reason if rejection else None,
        held=held,
        dropped=dropped,
        attempts=len(attempts.began),
        signature=result.signature if result else None,
        regions=result.regions if result else (),
        notes=result.notes if result else (),
        warnings=result.warnings if result else (),
        stage_seconds=_in_order(result.stage_seconds) if result else {},
        deliveries=deliveries,
        correction=result.correction if result else None,
        assessments=read_assessments(spool.ledger, job.id) if result else (),
        withheld=result.withheld if result else {},
        objects=tuple(str(path) for path in sorted((job.folder / "objects").glob("*.dcm"))),
    )


def _waiting_for(spool: Spool, job: Job) -> "Waiting":
    from listener.pairing.readiness import waiting_for  # only here: most cases do not wait

    return waiting_for(spool, job)


def _unreadable(job: Job, error: UnreadableRecord) -> JobStatus:
    record = job.record
    says = f"its result cannot be read: {error}"
    return JobStatus(job.id, job.state, record.version, record.replaces, record.study_uid, job.changed, says, {})


def _in_order(stage_seconds: Mapping[Stage, float]) -> dict[Stage, float]:
    return {stage: stage_seconds[stage] for stage in Stage if stage in stage_seconds}


def _self_test(record: JobRecord) -> str:
    """Return that a case is a self-test, and which target gets its results; empty for a patient's case."""
    recipients = record.self_test
    if recipients is None:
        return ""
    names = [*recipients.targets, *(["its own sink"] if recipients.sink else ())]
    return f"self-test, only for {', '.join(names) or 'nobody'}; "


def _decided(held: Hold | None, dropped: Drop | None, job: Job) -> str:
    """Return an operator's decision about a job as text; empty if there is none."""
    if job.state is JobState.DROPPED:
        return f"dropped by {dropped.by}: {dropped.why}" if dropped else "dropped by someone"
    if held is not None:
        why = f": {held.why}" if held.why else ""
        return f"held by {held.by} while {job.state.value}{why} (radtme release {job.id})"
    return ""


def _says(
    state: JobState,
    waiting: "Waiting | None",
    record: JobRecord,
    attempts: Attempts,
    result: ResultRecord | None,
    failure: Failure | None,
) -> str:
    match state:
        case JobState.WAITING:
            return f"waiting: {waiting}"
        case JobState.READY:
            given_back = attempts.given_back
            why = f" (given back: {given_back.why}; tried again by itself)" if given_back else ""
            return f"ready: waits for a worker{why}"
        case JobState.RUNNING:
            return f"running: attempt {max(len(attempts.began), 1)}"
        case JobState.FAILED:
            return f"failed: {failure.reason}: {failure.message}" if failure else "failed: unknown"
    if result is not None and result.rejection is not None:
        return f"not scored: {result.rejection.reason}: {result.rejection.message}"
    if record.not_complete:
        return f"not scored: {record.not_complete.message}"
    return ""


def _times(
    record: JobRecord,
    attempts: Attempts,
    result: ResultRecord | None,
    failure: Failure | None,
    deliveries: tuple[DeliveryStatus, ...],
    held: Hold | None,
    dropped: Drop | None,
) -> dict[str, str]:
    found = {
        "created": record.created,
        "ready": record.readied,
        "began": attempts.began[-1] if attempts.began else None,
        "started": result.started if result else None,
        "finished": result.finished if result else None,
        **{f"{one.state} {one.target}": one.updated for one in deliveries},
        "failed": failure.at if failure else None,
        "held": held.at if held else None,
        "dropped": dropped.at if dropped else None,
    }
    return {name: text for name, moment in found.items() if (text := format_time(moment)) is not None}


def _since(state: JobState, times: Mapping[str, str], deliveries: tuple[DeliveryStatus, ...]) -> datetime | None:
    ended = [one.updated for one in deliveries if one.state is DeliveryState.DELIVERED and one.updated is not None]
    if state is JobState.DONE and ended:
        return max(ended)
    names = {
        JobState.WAITING: ("created",),
        JobState.READY: ("ready", "created"),
        JobState.RUNNING: ("began", "ready", "created"),
        JobState.DROPPED: ("dropped", "created"),
        JobState.FAILED: ("failed", "finished", "began", "ready", "created"),
    }.get(state, ("finished", "began", "ready", "created"))
    return next((moment for name in names if (moment := parse_time(times.get(name))) is not None), None)
