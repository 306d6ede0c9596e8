"""The thread that makes jobs ready when their images have arrived."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path

from listener.ledger.database import LedgerUnavailable
from listener.ledger.refused_contexts import read_refused
from listener.ledger.set_aside_outlines import SetAside
from listener.pairing.conversion_sources import ConversionSources
from listener.pairing.evidence import Evidence, SeriesHeads, WaitsFor, evidence, sync_names
from listener.pairing.job_creation import JobCreation
from listener.pairing.late_versions import LateVersions
from listener.pairing.other_phases import OtherPhases
from listener.pairing.other_studies import OtherStudiesSearch
from listener.pairing.outlines_without_case import OutlinesWithoutCase
from listener.pairing.readiness import (
    PairingDecision,
    closing_message,
    decide,
    made_ready,
    settle_seconds,
)
from listener.pairing.reconcile import outline_at, outlines_without_job, studies_to_look_at
from listener.pairing.retrieve_queue import Fetch, RetrieveQueue
from listener.pairing.segmentation_references import SegmentationReferences
from listener.pairing.series_watch import SeriesWatch
from listener.pairing.study_notes import StudyNotes
from listener.pairing.touched_studies import TouchedStudies
from listener.runtime.fault_points import FaultPoint, reach
from listener.runtime.logger import Logger
from listener.settings import ListenerSettings
from listener.spool.job_queries import most_jobs_of_a_study
from listener.spool.job_record import JobRecord
from listener.spool.jobs import Job, JobState
from listener.spool.lost_results import score_again
from listener.spool.quarantined import agree
from listener.spool.recent_studies import forget_old_days
from listener.spool.spool import Spool
from listener.spool.study_rows import last_arrival

log = Logger(__name__)

MIN_SCAN_SECONDS = 0.1
"""While images come that a job waits for: one scan sees everything that was received in the meantime."""
IMAGES_TOGETHER_SECONDS = 1.0
"""While images come that no job waits for: scans would only take time from receiving them."""


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
        self._may_bring = may_bring
        self._without_case = OutlinesWithoutCase(spool, settings, outline_set_aside)
        self._job_creation = JobCreation(spool, self._without_case, job_created)
        self._retrieve_queue = RetrieveQueue(fetch)
        self._waits: dict[str, WaitsFor] = {}
        self._most_cases = 0
        self._heads = SeriesHeads()
        self._conversions = ConversionSources()
        self._ledger_was_away = False
        self._is_repaired = False
        self._watch = SeriesWatch(spool, settings)
        self._other_phases = OtherPhases(spool, self._watch)
        self._touched = TouchedStudies(spool.ledger, settings)
        self._notes = StudyNotes(spool, self._touched.seconds / 2)
        self._has_looked = False
        self._noted_on: date | None = None
        self._late_versions = LateVersions(
            spool, settings, self._watch, self._other_phases, self._touched, self._evidence_of, announce
        )
        self._waited: dict[str, Waited] = {}
        self._other_studies = OtherStudiesSearch(spool)
        self._wake = threading.Event()
        self._soon = threading.Event()
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
        self._retrieve_queue.stop()
        self.look_soon()
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
        self._job_creation.create(outline, calling_ae_title)
        self.look_soon()

    def most_cases_of_a_study(self) -> int:
        """Return the largest number of cases that any study got within the last hour."""
        return self._most_cases

    def image_kept(self, study_uid: str) -> None:
        """Request a scan: something new of a study is in the spool."""
        self._touched.touch([study_uid])
        self._wake.set()

    def look_soon(self) -> None:
        """Request a scan at once: an outline came, or an association has ended, so that less may come."""
        self._soon.set()
        self._wake.set()

    # Scan -----------------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        self._guarded(self._catch_up)
        while not self._stopping.is_set():
            began = time.thread_time()
            self._wake.clear()
            self._soon.clear()
            if self._ledger_was_away:  # what could not be looked at meanwhile, also after a start without the ledger
                self._ledger_was_away = False
                self._guarded(self._catch_up)
            pause = self._guarded(self.scan) or self._settings.sweep_seconds
            self.last_scan = time.monotonic()
            # Many outlines must not take all the time of the processor from receiving them.
            if self._stopping.wait(min(time.thread_time() - began, MIN_SCAN_SECONDS)):
                return
            together = min(pause, MIN_SCAN_SECONDS if self._waits else IMAGES_TOGETHER_SECONDS)
            if not self._soon.wait(together):
                self._wake.wait(pause - together)

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
        self._guarded(self._job_creation.create_delayed)
        waiting = list(self._spool.jobs(JobState.WAITING))
        touched = self._touched.now()
        candidates = self._late_versions.candidates(touched)
        self._most_cases = most_jobs_of_a_study(self._spool.ledger, datetime.now(UTC) - timedelta(hours=1))
        self._waited = {job.id: self._waited[job.id] for job in waiting if job.id in self._waited}
        self._other_studies.keep_only(job.id for job in waiting)
        self._waits = {job.id: self._waits[job.id] for job in waiting if job.id in self._waits}
        # Each by itself: an error in one job must not delay the others.
        looks = [partial(self._review_waiting, job) for job in waiting]
        looks += [partial(self._late_versions.review, job) for job in candidates]
        pauses = [self._guarded(look) or self._settings.sweep_seconds for look in looks]
        # Last: a job that is ready does not wait for this transaction.
        self._guarded(partial(self._note_studies, touched))
        pause = MIN_SCAN_SECONDS if self._notes.has_more else self._settings.sweep_seconds
        return max(MIN_SCAN_SECONDS, min([pause, *pauses]))

    def _review_waiting(self, job: Job) -> float:
        """Advance a waiting job if it is due; return the seconds until it may be."""
        if job.is_held:
            self._waits.pop(job.id, None)
            self._waited.pop(job.id, None)  # its deadline counts from its release
            return self._settings.sweep_seconds
        record = job.record
        found = self._evidence_of(record)
        quiet = self._watch.quiet_seconds(record)
        age = self._age_seconds(record)
        fetched = record.fetched is not None
        more_may_come = self._may_bring(record.study_uid) or not self._watch.outline_came_last(record)
        step = decide(found, self._settings, quiet, age, fetched=fetched, more_may_come=more_may_come)
        elsewhere = self._other_studies.sentence(record, found, at_once=step is not PairingDecision.WAIT)
        if elsewhere:
            step = PairingDecision.CLOSE
        if step is PairingDecision.WAIT:
            self._waits[job.id] = found.waits_for(fetched)
            settle = settle_seconds(found, self._settings, more_may_come=more_may_come)
            unsettled = max(0.0, settle - quiet) if found.complete else float("inf")
            return min(unsettled, max(0.0, self._settings.deadline_seconds - age))
        self._move_on(job, record, found, step, elsewhere)
        return self._settings.sweep_seconds

    def _note_studies(self, touched: list[str]) -> None:
        self._notes.note(touched)
        today = datetime.now(UTC).date()
        if self._has_looked and not self._notes.has_more and today != self._noted_on:
            forget_old_days(self._spool.root, today, last_arrival(self._spool.ledger))
            self._noted_on = today

    def _evidence_of(self, record: JobRecord) -> Evidence:
        return evidence(self._spool, record, self._heads, self._conversions)

    def _move_on(
        self, job: Job, record: JobRecord, found: Evidence, step: PairingDecision, elsewhere: str = ""
    ) -> None:
        if not elsewhere and self._without_case.removed(job, found, step):
            return
        if step is PairingDecision.FETCH:
            asked = replace(record, fetched=datetime.now(UTC))
            if self._spool.change(job, record=asked, unless_held=True):  # else another listener was faster
                self._retrieve_queue.request(record.study_uid, found)
            return
        closed = step is PairingDecision.CLOSE
        why = self._why_closed(record, found, elsewhere) if closed else ""
        sync_names(self._spool, record, found)
        ready = made_ready(record, found, datetime.now(UTC), self._other_phases.beside(record, found), why)
        reach(FaultPoint.PAIRING_DECIDED)
        if self._spool.move(job, JobState.READY, record=ready, unless_held=True):
            reach(FaultPoint.PAIRING_READIED)
            log.info("job_ready", job=job.id, images=found.image_count, missing=found.missing_count, closed=closed)
            self._announce(job.id)

    def _why_closed(self, record: JobRecord, found: Evidence, elsewhere: str) -> str:
        """Return what is missing, where it was expected, and what its sender proposed instead, where that is known."""
        if elsewhere:
            return f"{found.waiting()} of study {record.study_uid}: {elsewhere}"
        sender = record.calling_ae_title
        offered = [str(one) for one, _ in read_refused(self._spool.ledger, sender) if one.transfer_syntax_uids]
        return "; ".join([closing_message(record, found), *(offered if sender else [])])

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

    def _catch_up(self) -> None:
        """Reconcile when the ledger can be used; the spool is repaired only once, as workers use it meanwhile."""
        with self._spool.ledger.reading():  # asked once: where it is away, every outline would wait for it
            pass
        if self._is_repaired:
            self._find_recent()
        else:
            self.reconcile()

    def reconcile(self) -> None:
        """Repair what a crash left, and create a job for every recent outline in the spool that has none."""
        self._guarded(self._repair)
        self._find_recent()

    def _find_recent(self) -> None:
        """Look at the studies of which something came lately, and note those that the ledger does not know."""
        self._guarded(partial(agree, self._spool))
        studies = studies_to_look_at(self._spool)
        self._touched.touch(outlines_without_job(self._spool, studies, self._guarded, self._make_job))
        self._notes.look_for_missing(studies)
        self._has_looked = True

    def _repair(self) -> None:
        score_again(self._spool)
        self._is_repaired = True

    def _make_job(self, path: Path) -> None:
        outline = outline_at(path)
        if outline is not None:
            sender = self._job_creation.sender_of_delayed(path.stem)
            self.outline_kept(replace(outline, sop_instance_uid=path.stem), sender)
