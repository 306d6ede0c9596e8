"""The thread that makes jobs ready, and makes a new version of a job whose series has grown since."""

import shutil
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import structlog

from listener.ledger.database import LedgerUnavailable
from listener.ledger.refused_contexts import read_refused
from listener.ledger.self_tests import self_test_of
from listener.ledger.set_aside_outlines import SetAside, is_set_aside, set_aside
from listener.pairing.body_parts import other_body_part
from listener.pairing.conversion_sources import ConversionSources
from listener.pairing.corrected_outlines import corrected_by
from listener.pairing.elsewhere import image_heads, studies_of_missing
from listener.pairing.evidence import Evidence, SeriesHeads, WaitsFor, evidence, series_of_study
from listener.pairing.other_phases import OtherPhases
from listener.pairing.readiness import (
    PairingDecision,
    closing_message,
    decide,
    made_ready,
    new_job,
    next_version,
    settle_seconds,
)
from listener.pairing.reconcile import outline_at, outlines_without_job
from listener.pairing.segmentation_references import SegmentationReferences
from listener.pairing.series_watch import SeriesWatch
from listener.pairing.touched_studies import TouchedStudies
from listener.runtime.fault_points import FaultPoint, reach
from listener.settings import ListenerSettings
from listener.spool import job_rows
from listener.spool.atomic_files import fsync_folder, make_folder
from listener.spool.job_queries import most_jobs_of_a_study
from listener.spool.job_record import UNKNOWN_SERIES, JobRecord
from listener.spool.jobs import Job, JobState, job_id_for
from listener.spool.repair import repair
from listener.spool.spool import Spool

log = structlog.get_logger()

MIN_SCAN_SECONDS = 0.1
SEARCH_AGAIN_SECONDS = 10.0
FETCHES_AT_ONCE = 4
"""A PACS that does not answer one of them must not hold up the others."""

Fetch = Callable[[str, Mapping[str, tuple[str, ...]]], None]
"""Requests instances of a study from the PACS, by series."""


@dataclass(frozen=True)
class Waited:
    """Since when this process has seen a job wait as it does now: for its sender, or for requested images."""

    fetched: datetime | None
    since: float


class Pairer:
    """Creates a job for each outline and makes it ready when its images have arrived.

    Any number of listeners may share a spool: of two that create a job, or make it ready, the ledger lets one do it.
    """

    def __init__(
        self,
        spool: Spool,
        settings: ListenerSettings,
        announce: Callable[[str], None],
        fetch: Fetch | None = None,
        job_created: Callable[[str | None], None] = lambda calling_ae_title: None,
        outline_set_aside: Callable[[SetAside], None] = lambda reason: None,
        may_bring: Callable[[str], bool] = lambda study_uid: True,
    ) -> None:
        self._spool = spool
        self._settings = settings
        self._announce = announce
        self._fetch = fetch
        self._job_created = job_created
        self._outline_set_aside = outline_set_aside
        self._may_bring = may_bring
        self._waits: dict[str, WaitsFor] = {}
        self._most_cases = 0
        self._heads = SeriesHeads()
        self._conversions = ConversionSources()
        self._delayed: dict[str, tuple[SegmentationReferences, str | None]] = {}
        self._ledger_was_away = False
        self._is_repaired = False
        self._watch = SeriesWatch(spool, settings)
        self._other_phases = OtherPhases(spool, self._watch)
        self._touched = TouchedStudies(spool.ledger, settings)
        self._waited: dict[str, Waited] = {}
        self._searched: dict[str, float] = {}
        self._fetching = threading.BoundedSemaphore(FETCHES_AT_ONCE)
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="pairer", daemon=True)
        self.last_scan = time.monotonic()
        """Time of the last completed scan, in monotonic seconds; the liveness check reads it."""

    def start(self) -> None:
        """Read the spool, and start to watch it."""
        self._thread.start()

    def stop(self) -> None:
        """Stop watching. Unfinished work is found again at the next start; a C-MOVE ends with the process."""
        self._stopping.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join()

    def waits(self) -> Mapping[WaitsFor, int]:
        """Return the number of waiting jobs by what they wait for, as of the last scan."""
        counts = Counter(list(self._waits.values()))
        return {reason: counts[reason] for reason in WaitsFor}

    # Called by the receive path ------------------------------------------------------------------------------------

    def outline_kept(self, outline: SegmentationReferences, calling_ae_title: str | None) -> None:
        """Make sure that an outline has a job; called before it is acknowledged, and whenever it is received again.

        Our own results get no job, whoever sends them back. While the ledger cannot be used, an outline is
        acknowledged, because its bytes are safe; its job is made when the ledger is back.
        """
        try:
            self._make_case(outline, calling_ae_title)
        except LedgerUnavailable as error:
            self._delayed[outline.sop_instance_uid] = (outline, calling_ae_title)
            log.warning("job_delayed", sop_instance_uid=outline.sop_instance_uid, error=error.strerror)
        self._wake.set()

    def _make_case(self, outline: SegmentationReferences, calling_ae_title: str | None) -> None:
        """Create the job of an outline, or set it aside, unless that was done before."""
        uids = (outline.study_uid, outline.series_uid, outline.sop_instance_uid)
        job_id = job_id_for(outline.sop_instance_uid, 1)
        if self._spool.find_job(job_id) is not None or is_set_aside(self._spool.ledger, *uids):
            return
        foreign = self._why_no_case(outline)
        if foreign is not None:
            self._set_aside(uids, *foreign, calling_ae_title)
            return
        recipients = self_test_of(self._spool.ledger, outline.study_uid)
        make_folder(self._spool.job_folder(job_id))
        with self._spool.ledger.writing() as connection:
            job_rows.lock_study(connection, outline.study_uid)  # two outlines of a study must not correct the same one
            earlier = job_rows.rows().where(job_rows.jobs.c.study_uid == outline.study_uid)
            records = [job.record for job in job_rows.read(connection, earlier, self._spool.results)]
            record = new_job(outline, calling_ae_title, corrected_by(records, outline), datetime.now(UTC), recipients)
            created = job_rows.insert(connection, record, JobState.WAITING)
        if created:
            log.info("job_created", job=job_id, pairing=outline.pairing.value, replaces=record.replaces)
            self._job_created(calling_ae_title)

    def _why_no_case(self, outline: SegmentationReferences) -> tuple[SetAside, str] | None:
        """Return why an outline makes no case, as far as its own header tells."""
        if outline.is_own_result or self._is_issued(outline):
            return SetAside.OWN_RESULT, "a result of radtme"
        if outline.never_accepted and not outline.is_structure_set:
            return SetAside.OTHER_IMAGES, f"drawn on {outline.never_accepted}, which is never measured"
        if outline.other_body_part and self._settings.set_aside_other_body_parts:
            return SetAside.OTHER_BODY_PART, f"its header says {outline.other_body_part!r}, and nothing of a breast"
        return None

    def _is_issued(self, outline: SegmentationReferences) -> bool:
        """Tell whether an outline is a result that a job of its study gave, whatever became of its header since."""
        issued = (job.issued() for job in self._spool.jobs(study_uid=outline.study_uid))
        return any(one and outline.sop_instance_uid in one.objects.values() for one in issued)

    def _set_aside(
        self, uids: tuple[str, str, str], reason: SetAside, message: str, calling_ae_title: str | None
    ) -> None:
        if set_aside(self._spool.ledger, uids, reason, message, calling_ae_title):
            log.info("outline_set_aside", reason=reason.value, sop_instance_uid=uids[-1])
            self._outline_set_aside(reason)

    def _is_set_aside(self, job: Job, record: JobRecord, found: Evidence, step: PairingDecision) -> bool:
        """Remove a waiting job whose images show another part of the body, or are none that can be measured."""
        foreign = None if record.is_self_test else self._why_foreign(record, found, step)
        if foreign is None:
            return False
        uids = (record.study_uid, record.seg.series_uid, record.seg.sop_instance_uid)
        self._set_aside(uids, *foreign, record.calling_ae_title)
        with self._spool.ledger.writing() as connection:
            job_rows.remove(connection, [job.id], [JobState.WAITING])
        shutil.rmtree(job.folder, ignore_errors=True)
        return True

    def _why_foreign(self, record: JobRecord, found: Evidence, step: PairingDecision) -> tuple[SetAside, str] | None:
        """Return why a waiting outline makes no case, as far as its images tell: those that came, or that none came."""
        if not found.image_count:
            uids = (record.study_uid, record.seg.series_uid, record.seg.sop_instance_uid)
            outline = outline_at(self._spool.instance_path(*uids))
            will_fetch = step is PairingDecision.FETCH and outline is not None and outline.calls_every_image_ct
            if outline is not None and outline.never_accepted and not will_fetch:
                return SetAside.OTHER_IMAGES, f"drawn on {outline.never_accepted}; no MR image that it names came"
        if self._settings.set_aside_other_body_parts:
            word = other_body_part(image_heads(self._spool, record.study_uid, found))
            if word:
                message = f"the headers of its images say {word!r}, and nothing of a breast"
                return SetAside.OTHER_BODY_PART, message
        return None

    def most_cases_of_a_study(self) -> int:
        """Return the largest number of cases that any study got within the last hour."""
        return self._most_cases

    def image_kept(self, study_uid: str) -> None:
        """Request a scan soon: something new of a study is in the spool."""
        self._touched.touch([study_uid])
        self._wake.set()

    def look_soon(self) -> None:
        """Request a scan soon: an association has ended, so that less may come."""
        self._wake.set()

    # Scan -----------------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        self._guarded(self._catch_up)
        while not self._stopping.is_set():
            self._wake.clear()
            if self._ledger_was_away:  # what could not be looked at meanwhile, also after a start without the ledger
                self._ledger_was_away = False
                self._guarded(self._catch_up)
            pause = self._guarded(self.scan) or self._settings.sweep_seconds
            self.last_scan = time.monotonic()
            # Not for every object of a burst: one scan sees everything that was received in the meantime.
            self._stopping.wait(MIN_SCAN_SECONDS)
            self._wake.wait(pause)

    def _guarded(self, step: Callable[[], float | None]) -> float | None:
        try:
            return step()
        except LedgerUnavailable as error:
            self._ledger_was_away = True
            log.warning("pairing_waits_for_ledger", error=error.strerror)
        except Exception:
            log.exception("pairing_failed")
        return None

    def scan(self) -> float:
        """Examine every job once; return the seconds until something may be due."""
        self._guarded(self._make_delayed)
        waiting = list(self._spool.jobs(JobState.WAITING))
        latest = [job for study in self._touched.now() for job in self._latest_past_waiting(study)]
        self._most_cases = most_jobs_of_a_study(self._spool.ledger, datetime.now(UTC) - timedelta(hours=1))
        self._waited = {job.id: self._waited[job.id] for job in waiting if job.id in self._waited}
        self._searched = {job.id: self._searched[job.id] for job in waiting if job.id in self._searched}
        self._waits = {job.id: self._waits[job.id] for job in waiting if job.id in self._waits}
        # Each by itself: an error in one job must not delay the others.
        looks = [partial(self._review_waiting, job) for job in waiting]
        looks += [partial(self._find_late_instances, job) for job in latest]
        pauses = [self._guarded(look) or self._settings.sweep_seconds for look in looks]
        return max(MIN_SCAN_SECONDS, min(pauses, default=self._settings.sweep_seconds))

    def _review_waiting(self, job: Job) -> float:
        """Advance a waiting job if it is due; return the seconds until it may be."""
        if job.is_held:
            self._waits.pop(job.id, None)
            self._waited.pop(job.id, None)  # its deadline counts from its release
            return self._settings.sweep_seconds
        record = job.record
        found = evidence(self._spool, record, self._heads, self._conversions)
        quiet = self._watch.quiet_seconds(record)
        age = self._age_seconds(record)
        fetched = record.fetched is not None
        more_may_come = self._may_bring(record.study_uid) or not self._watch.outline_came_last(record)
        step = decide(found, self._settings, quiet, age, fetched=fetched, more_may_come=more_may_come)
        elsewhere = self._lies_elsewhere(record, found, at_once=step is not PairingDecision.WAIT)
        if elsewhere:
            step = PairingDecision.CLOSE
        if step is PairingDecision.WAIT:
            self._waits[job.id] = found.waits_for(fetched)
            settle = settle_seconds(found, self._settings, more_may_come=more_may_come)
            unsettled = max(0.0, settle - quiet) if found.complete else float("inf")
            return min(unsettled, max(0.0, self._settings.deadline_seconds - age))
        self._move_on(job, record, found, step, elsewhere)
        return self._settings.sweep_seconds

    def _lies_elsewhere(self, record: JobRecord, found: Evidence, *, at_once: bool) -> str:
        """Return a sentence naming the studies that hold all missing images; searched for only now and then."""
        if not found.missing_count:
            return ""
        before = self._searched.get(record.job_id)
        if not at_once and before is not None and time.monotonic() - before < SEARCH_AGAIN_SECONDS:
            return ""
        self._searched[record.job_id] = time.monotonic()
        studies = studies_of_missing(self._spool, record.study_uid, found)
        if not studies:
            return ""
        is_split = len(studies) > 1 or found.missing_count < found.waiting().required
        where = "and all of its images in one study" if is_split else "in the study of its images"
        return f"they lie in study {' and '.join(studies)}: send the outline {where}"

    def _move_on(
        self, job: Job, record: JobRecord, found: Evidence, step: PairingDecision, elsewhere: str = ""
    ) -> None:
        if not elsewhere and self._is_set_aside(job, record, found, step):
            return
        if step is PairingDecision.FETCH:
            asked = replace(record, fetched=datetime.now(UTC))
            if self._spool.change(job, record=asked, unless_held=True):  # else another listener was faster
                self._request_retrieve(record.study_uid, found)
            return
        closed = step is PairingDecision.CLOSE
        why = self._why_closed(record, found, elsewhere) if closed else ""
        self._sync_names(record, found)
        ready = made_ready(record, found, datetime.now(UTC), self._beside(record, found), why)
        reach(FaultPoint.PAIRING_DECIDED)
        if self._spool.move(job, JobState.READY, record=ready, unless_held=True):
            reach(FaultPoint.PAIRING_READIED)
            log.info("job_ready", job=job.id, images=found.image_count, missing=found.missing_count, closed=closed)
            self._announce(job.id)

    def _sync_names(self, record: JobRecord, found: Evidence) -> None:
        """Make the names of all objects of a job survive a power cut: a job that is ready finds them without us."""
        for series_uid in {record.seg.series_uid, *found.images}:
            with suppress(FileNotFoundError):  # removed meanwhile: the job's worker says so
                fsync_folder(self._spool.series_folder(record.study_uid, series_uid))

    def _why_closed(self, record: JobRecord, found: Evidence, elsewhere: str) -> str:
        """Return what is missing, where it was expected, and what its sender proposed instead, where that is known."""
        if elsewhere:
            return f"{found.waiting()} of study {record.study_uid}: {elsewhere}"
        sender = record.calling_ae_title
        offered = [str(one) for one, _ in read_refused(self._spool.ledger, sender) if one.transfer_syntax_uids]
        return "; ".join([closing_message(record, found), *(offered if sender else [])])

    def _request_retrieve(self, study_uid: str, found: Evidence) -> None:
        log.info("missing_instances_requested", study_uid=study_uid, missing=found.missing_count)
        if self._fetch is not None:
            fetch = partial(self._fetch_one_at_a_time, self._fetch, study_uid, found.missing)
            # Daemons: a PACS that does not answer must not keep the process from ending.
            threading.Thread(target=self._guarded, args=(fetch,), name="retrieve", daemon=True).start()

    def _fetch_one_at_a_time(self, fetch: Fetch, study_uid: str, missing: Mapping[str, tuple[str, ...]]) -> None:
        with self._fetching:
            if not self._stopping.is_set():
                fetch(study_uid, missing)

    def _latest_past_waiting(self, study_uid: str) -> list[Job]:
        """Return, for each outline of a study whose newest job is past waiting, that job.

        Not of one that a person holds or has dropped: nothing new comes of it before they say so. Nor of an outline
        that another one has corrected: its results are replaced. A worker makes the jobs of further tumours beside the
        outline's own, and their next versions, too.
        """
        jobs = [job for job in self._spool.jobs(study_uid=study_uid) if job.record.segment_number is None]
        replaced = {job.record.replaces: _outline_of(job) for job in jobs if job.record.replaces}
        corrected = {_outline_of(job) for job in jobs if replaced.get(job.id, _outline_of(job)) != _outline_of(job)}
        newest = {_outline_of(job): job for job in sorted(jobs, key=lambda job: job.record.version)}
        stays = (JobState.WAITING, JobState.DROPPED)
        return [
            job
            for outline, job in newest.items()
            if job.state not in stays and not job.is_held and outline not in corrected
        ]

    def _find_late_instances(self, job: Job) -> float:
        """Create a new version of a job whose series has grown since, or beside which another phase came.

        Returns the seconds until one may be due.
        """
        record = job.record
        # Every folder is examined: each has its own time from which it counts as settled.
        grown = [
            series
            for series, count in self._instance_counts(record).items()
            if self._watch.has_grown(self._spool.series_folder(record.study_uid, series), count)
        ]
        other_phase_came = self._other_phases.came(record)
        if not grown and not other_phase_came:
            return self._settings.sweep_seconds
        found = evidence(self._spool, record, self._heads, self._conversions)
        if not found.complete or (not other_phase_came and _same_instances(record, found)):
            return self._settings.sweep_seconds
        longer = self._settings.settle_unreferenced_seconds
        settle = longer if other_phase_came else settle_seconds(found, self._settings)
        unsettled = settle - self._watch.quiet_seconds(record)
        if unsettled > 0:
            self._touched.touch([record.study_uid])
            return unsettled
        self._make_version(record, found)
        return self._settings.sweep_seconds

    def _instance_counts(self, record: JobRecord) -> Mapping[str, int]:
        """Return how many instances of each series a job was made ready with, of every series that may concern it."""
        counts = dict.fromkeys(set(record.required) - {UNKNOWN_SERIES}, 0)
        if record.watches_study:
            others = set(series_of_study(self._spool, record.study_uid)) - {record.seg.series_uid}
            counts = dict.fromkeys(others, 0) | counts
        return counts | {series: len(uids) for series, uids in (record.instances or {}).items()}

    def _make_version(self, previous: JobRecord, found: Evidence) -> None:
        version = next_version(previous, found, datetime.now(UTC), self._beside(previous, found))
        self._sync_names(version, found)
        if self._spool.create_job(version, JobState.READY):
            log.info("job_version_created", job=version.job_id, replaces=previous.job_id, images=found.image_count)
            self._announce(version.job_id)

    def _beside(self, record: JobRecord, found: Evidence) -> Mapping[str, int | None]:
        return self._other_phases.counts(record.study_uid, record.seg.series_uid, found.images)

    def _age_seconds(self, job: JobRecord) -> float:
        """Return for how long this process has seen a job wait; after a fetch, since the fetch.

        The time before it started does not count: without a listener nothing was received, and what the senders kept
        back comes now.
        """
        waited = self._waited.get(job.job_id)
        if waited is None or waited.fetched != job.fetched:
            waited = self._waited[job.job_id] = Waited(job.fetched, time.monotonic())
        return time.monotonic() - waited.since

    # After a crash --------------------------------------------------------------------------------------------------

    def _make_delayed(self) -> None:
        """Create the jobs of outlines that were received while the ledger was away."""
        for uid in list(self._delayed):
            delayed = self._delayed.pop(uid)  # one that fails otherwise is found again by `reconcile`
            try:
                self._make_case(*delayed)
            except LedgerUnavailable:
                self._delayed[uid] = delayed
                raise

    def _catch_up(self) -> None:
        """Reconcile when the ledger can be used; the spool is repaired only once, as workers use it meanwhile."""
        with self._spool.ledger.reading():  # asked once: where it is away, every outline would wait for it
            pass
        if self._is_repaired:
            self._touched.touch(outlines_without_job(self._spool, self._guarded, self._make_job))
        else:
            self.reconcile()

    def reconcile(self) -> None:
        """Repair what a crash left, and create a job for every recent outline in the spool that has none."""
        self._guarded(self._repair)
        self._touched.touch(outlines_without_job(self._spool, self._guarded, self._make_job))

    def _repair(self) -> None:
        repair(self._spool)
        self._is_repaired = True

    def _make_job(self, path: Path) -> None:
        outline = outline_at(path)
        if outline is not None:
            _, calling_ae_title = self._delayed.get(path.stem, (outline, None))
            self.outline_kept(replace(outline, sop_instance_uid=path.stem), calling_ae_title)


def _outline_of(job: Job) -> str:
    return job.record.seg.sop_instance_uid


def _same_instances(job: JobRecord, found: Evidence) -> bool:
    return {series: frozenset(uids) for series, uids in (job.instances or {}).items()} == dict(found.images)
