"""What came, what waits for what, what was scored, sent, failed and why: read from the spool alone.

Works with everything else down. No patient attribute is read.
"""

import contextlib
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from deploy.configuration.load import Configuration
from deploy.errors import CommandError
from deploy.operations.delivery_status import DeliveryStatus, TargetStatus, read_deliveries, read_targets
from deploy.operations.retry import DROP_NAME
from deploy.operations.upgrade import require_layout
from deploy.terminal import age, path_from_here
from listener.pairing.readiness import Waiting, waiting_for
from listener.spool.atomic_files import read_json
from listener.spool.jobs import HOLD_NAME, Job, JobState
from listener.spool.refused_contexts import RefusedContext, refused_contexts
from listener.spool.set_aside import SetAsideOutline, set_aside_outlines
from listener.spool.spool import Spool
from listener.spool.timestamps import parse_time
from workers.stages import Stage


def existing_spool(configuration: Configuration) -> Spool:
    """Return the spool of the configuration.

    Raises
    ------
    CommandError
        If there is none yet, or it has another layout than this program.
    """
    spool = Spool(configuration.locations.spool)
    if not spool.root.is_dir() or not (spool.root / "jobs").is_dir():
        raise CommandError(
            f"there is no spool at {path_from_here(spool.root)}",
            "nothing ever ran with this configuration; radtme up starts it, --config names another one",
        )
    require_layout(configuration)
    return spool


LONG_READY_SECONDS = 900
"""As the alert RadtmeCasesWaitForWorkers."""


@dataclass(frozen=True)
class JobStatus:
    """One job as it lies in the spool."""

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
    """Every time that is written down, UTC, in the order in which they come."""
    missing_instances: int = 0
    required_instances: int = 0
    not_complete: str | None = None
    """What was missing when the deadline ended the waiting."""
    outcome: str | None = None
    """scored, not_scored or unchanged."""
    hot_probability: float | None = None
    threshold: float | None = None
    phenotype: str | None = None
    reason: str | None = None
    """Coded: of a rejection or a failure."""
    held: Mapping[str, Any] = field(default_factory=dict)
    """Who holds it, since when and why; empty where nobody does."""
    dropped: Mapping[str, Any] = field(default_factory=dict)
    """Who gave it up, when and why."""
    attempts: int = 0
    signature: Mapping[str, Any] = field(default_factory=dict)
    regions: tuple[Mapping[str, Any], ...] = ()
    notes: tuple[str, ...] = ()
    stage_seconds: Mapping[str, float] = field(default_factory=dict)
    deliveries: tuple[DeliveryStatus, ...] = ()
    objects: tuple[str, ...] = ()
    """Paths of the results."""


def waits_long_for_a_worker(jobs: Iterable[JobStatus]) -> str:
    """Return in a sentence since when the oldest ready job waits, longer than workers that run let it; else nothing."""
    ready = [one.since for one in jobs if one.state is JobState.READY and one.since and not one.held]
    oldest = min(ready, default=None)
    if oldest is None or (datetime.now(UTC) - oldest).total_seconds() <= LONG_READY_SECONDS:
        return ""
    return f"No worker has begun the oldest ready case for {age(oldest)}: does one run for compute?"


@dataclass(frozen=True)
class Quarantined:
    """An object that was received and cannot be used."""

    name: str
    reason: str
    since: datetime | None


@dataclass(frozen=True)
class RefusedOffer:
    """A presentation context that a sender did not get."""

    context: RefusedContext
    says: str
    last: datetime
    """To the hour."""


@dataclass(frozen=True)
class SeriesStatus:
    """One series as it lies in the spool."""

    study_uid: str
    series_uid: str
    instances: int
    last_arrival: datetime | None


@dataclass(frozen=True)
class SpoolStatus:
    """The whole spool at one moment."""

    spool: Path
    studies: int
    instances: int
    receiving: int
    """Objects that are coming in and not acknowledged yet."""
    free_bytes: int
    jobs: tuple[JobStatus, ...]
    quarantine: tuple[Quarantined, ...]
    targets: tuple[TargetStatus, ...] = ()
    """Those that cannot be reached."""
    set_aside: tuple[SetAsideOutline, ...] = ()
    """Outlines that make no case, the newest first."""
    refused_contexts: tuple[RefusedOffer, ...] = ()
    """What senders offered and may not send, the newest first."""

    def count(self, state: JobState) -> int:
        """Return how many jobs are in ``state``."""
        return sum(job.state is state for job in self.jobs)


def read_status(spool: Spool) -> SpoolStatus:
    """Read the state of everything."""
    series = [folder for study in _folders(spool.studies) for folder in _folders(study)]
    return SpoolStatus(
        spool=spool.root,
        studies=len(_folders(spool.studies)),
        instances=sum(len(_instances(folder)) for folder in series),
        receiving=sum(1 for _ in spool.receiving.glob("*/*.part")),
        free_bytes=spool.free_bytes(),
        jobs=read_jobs(spool),
        quarantine=read_quarantine(spool),
        targets=read_targets(spool),
        set_aside=read_set_aside(spool),
        refused_contexts=read_refused_contexts(spool),
    )


def read_jobs(spool: Spool, study_uid: str | None = None) -> tuple[JobStatus, ...]:
    """Return the jobs (of one study), the oldest of each state first. One that moves on meanwhile is found again."""
    found: dict[str, JobStatus] = {}
    for job in list(spool.jobs()):
        status = read_moving(spool, job)
        if status is not None and study_uid in (None, status.study_uid):
            found[status.job_id] = status
    order = list(JobState)
    never = datetime.max.replace(tzinfo=UTC)
    return tuple(sorted(found.values(), key=lambda one: (order.index(one.state), one.since or never, one.job_id)))


def read_series(spool: Spool, study_uid: str) -> tuple[SeriesStatus, ...]:
    """Return the series of a study; empty where nothing of it came."""
    return tuple(
        SeriesStatus(study_uid, folder.name, len(_instances(folder)), _modified(folder))
        for folder in _folders(spool.studies / study_uid)
    )


def read_quarantine(spool: Spool) -> tuple[Quarantined, ...]:
    """Return what lies in quarantine, the newest first."""
    found = []
    for path in spool.quarantine.glob("*.json"):
        with contextlib.suppress(OSError, ValueError):
            content = read_json(path)
            words = [str(content[key]) for key in ("reason", "message", "detail") if content.get(key)]
            found.append(Quarantined(path.stem, ": ".join(words) or "no reason given", _modified(path)))
    return tuple(sorted(found, key=lambda one: one.since or datetime.min.replace(tzinfo=UTC), reverse=True))


def read_set_aside(spool: Spool, study_uid: str | None = None) -> tuple[SetAsideOutline, ...]:
    """Return the outlines (of one study) that make no case, the newest first."""
    found = [one for one in set_aside_outlines(spool) if study_uid in (None, one.study_uid)]
    return tuple(sorted(found, key=lambda one: one.at, reverse=True))


def read_refused_contexts(spool: Spool) -> tuple[RefusedOffer, ...]:
    """Return what senders offered and may not send, the newest first."""
    found = [
        RefusedOffer(context, str(context), datetime.fromtimestamp(moment, UTC))
        for context, moment in refused_contexts(spool)
    ]
    return tuple(sorted(found, key=lambda one: one.last, reverse=True))


def read_moving(spool: Spool, job: Job) -> JobStatus | None:
    """Return the status of a job that may move on meanwhile; None where it went away altogether."""
    for _ in range(3):  # every rename costs one look; a job has no more than that ahead of it
        try:
            return read_job(spool, job)
        except FileNotFoundError:
            again = spool.find_job(job.id)
            if again is None:
                return None
            job = again
        except ValueError as error:
            return _unreadable(job, error)
    return None


def _unreadable(job: Job, error: ValueError) -> JobStatus:
    return JobStatus(job.id, job.state, 0, None, "?", None, f"its files cannot be read: {error}", {})


def read_job(spool: Spool, job: Job) -> JobStatus:
    """Return the status of one job.

    Raises
    ------
    FileNotFoundError
        If it moved on while it was read.
    """
    content = job.read()
    result = job.read_optional("result.json") or {}
    failure = job.read_optional("failure.json") or {}
    attempts = job.read_optional("attempts.json") or {}
    began = attempts.get("began", [])
    held = job.read_intact(HOLD_NAME) or {}
    dropped = (job.read_intact(DROP_NAME) or {}) if job.state is JobState.DROPPED else {}
    deliveries = read_deliveries(spool, job)
    waiting = _waiting_for(spool, job)
    times = _times(content, began, result, failure, deliveries, held, dropped)
    seconds = result.get("stage_seconds") or {}
    score, rejection = result.get("score") or {}, result.get("rejection") or {}
    return JobStatus(
        job_id=job.id,
        state=job.state,
        version=int(content.get("version", 1)),
        replaces=content.get("replaces"),
        study_uid=str(content.get("study_uid", "?")),
        since=_since(job.state, times, content),
        says=_self_test(content)
        + (_decided(held, dropped, job) or _says(job.state, waiting, content, attempts, rejection, failure)),
        times=times,
        missing_instances=waiting.missing if waiting else 0,
        required_instances=sum(len(uids) for uids in (content.get("required") or {}).values()),
        not_complete=(content.get("not_complete") or {}).get("message"),
        outcome=result.get("outcome"),
        hot_probability=score.get("hot_probability"),
        threshold=score.get("threshold"),
        phenotype=score.get("phenotype"),
        reason=failure.get("reason") or rejection.get("reason"),
        held=held,
        dropped=dropped,
        attempts=len(began),
        signature=result.get("signature") or {},
        regions=tuple(result.get("regions") or ()),
        notes=tuple(str(note) for note in result.get("notes") or ()),
        stage_seconds={stage.value: seconds[stage] for stage in Stage if stage in seconds},
        deliveries=deliveries,
        objects=tuple(str(path) for path in sorted((job.folder / "objects").glob("*.dcm"))),
    )


def _waiting_for(spool: Spool, job: Job) -> Waiting | None:
    return waiting_for(spool, job) if job.state is JobState.WAITING else None


def _self_test(content: Mapping[str, Any]) -> str:
    """Return that a case is nobody's, and who alone gets its results; empty where it is a patient's."""
    mark = content.get("self_test")
    if mark is None:
        return ""
    names = [*mark.get("targets", ()), *(["its own sink"] if mark.get("sink") else ())]
    return f"self-test, only for {', '.join(names) or 'nobody'}; "


def _decided(held: Mapping[str, Any], dropped: Mapping[str, Any], job: Job) -> str:
    """Return what a person decided about a job, in words; empty where nobody did."""
    if job.state is JobState.DROPPED:
        return f"dropped by {dropped.get('by', 'someone')}: {dropped.get('why', 'no dropped.json')}"
    if held:
        why = f": {held['why']}" if held.get("why") else ""
        return f"held by {held.get('by')} while {job.state.value}{why} (radtme release {job.id})"
    return ""


def _says(
    state: JobState,
    waiting: Waiting | None,
    content: Mapping[str, Any],
    attempts: Mapping[str, Any],
    rejection: Mapping[str, Any],
    failure: Mapping[str, Any],
) -> str:
    match state:
        case JobState.WAITING:
            return f"waiting: {waiting}" + (f", {waiting.where}" if waiting and waiting.where else "")
        case JobState.READY:
            given_back = attempts.get("given_back")
            why = f" (given back: {given_back['why']}; tried again by itself)" if given_back else ""
            return f"ready: waits for a worker{why}"
        case JobState.RUNNING:
            return f"running: attempt {max(len(attempts.get('began', [])), 1)}"
        case JobState.FAILED:
            return f"failed: {failure.get('reason', 'unknown')}: {failure.get('message', 'no failure.json')}"
    if rejection:
        return f"not scored: {rejection.get('reason')}: {rejection.get('message')}"
    if content.get("not_complete"):
        return f"not scored: {content['not_complete'].get('message')}"
    return ""


def _times(
    content: Mapping[str, Any],
    began: list[str],
    result: Mapping[str, Any],
    failure: Mapping[str, Any],
    deliveries: tuple[DeliveryStatus, ...],
    held: Mapping[str, Any],
    dropped: Mapping[str, Any],
) -> dict[str, str]:
    delivered = {
        f"{one.state} {one.target}": one.updated.isoformat(timespec="milliseconds") for one in deliveries if one.updated
    }
    found = {
        "created": content.get("created"),
        "ready": content.get("readied"),
        "began": began[-1] if began else None,
        "started": result.get("started"),
        "finished": result.get("finished"),
        **delivered,
        "failed": failure.get("at"),
        "held": held.get("at"),
        "dropped": dropped.get("at"),
    }
    return {name: str(value) for name, value in found.items() if value}


def _since(state: JobState, times: Mapping[str, str], content: Mapping[str, Any]) -> datetime | None:
    names = {
        JobState.WAITING: ("created",),
        JobState.READY: ("ready", "created"),
        JobState.RUNNING: ("began", "ready", "created"),
        JobState.DROPPED: ("dropped", "created"),
        JobState.FAILED: ("failed", "finished", "began", "ready", "created"),
    }.get(state, ("finished", "began", "ready", "created"))
    return next((moment for name in names if (moment := parse_time(times.get(name))) is not None), None)


def _modified(path: Path) -> datetime | None:
    try:
        return datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except FileNotFoundError:
        return None


def _folders(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.is_dir())
    except FileNotFoundError:
        return []


def _instances(folder: Path) -> list[str]:
    try:
        return [name for name in os.listdir(folder) if name.endswith(".dcm")]
    except FileNotFoundError:
        return []
