"""The sweep: announces jobs and deliveries again that a worker should have taken and did not."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog

from listener.broker.messages import Announcement, Queue, delivery_announcement, score_announcement
from listener.ledger.commitments import forget, reported
from listener.ledger.database import LedgerUnavailable
from listener.ledger.deliveries import schedules
from listener.ledger.target_circuits import Circuit, read_circuit
from listener.spool.job_files import is_held
from listener.spool.jobs import Job, JobState
from listener.spool.locks import exclusive
from listener.spool.retry_later import waits_for_retry
from listener.spool.spool import Spool

log = structlog.get_logger()

GRACE_SECONDS = 5.0
"""For how long a running job's lock must be free, or a delivery be due, before the sweep takes notice."""


@dataclass(frozen=True)
class DueAnnouncement:
    """A message to be announced again, and the state of its job."""

    announcement: Announcement
    state: JobState


class Sweep:
    """Scans the spool every few seconds. Announcing something twice does no harm."""

    def __init__(
        self,
        spool: Spool,
        announce: Callable[[Announcement], None],
        depths: Callable[[], Mapping[str, int] | None],
        every_seconds: float,
        reannounce_seconds: float,
    ) -> None:
        self._spool = spool
        self._announce = announce
        self._depths = depths
        self._every_seconds = every_seconds
        self._reannounce_seconds = reannounce_seconds
        self._running_since: dict[str, float] = {}
        self._due_since: dict[DueAnnouncement, float] = {}
        self._announced: dict[DueAnnouncement, float] = {}
        self._announced_lock = threading.Lock()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sweep", daemon=True)
        self.last_scan = time.monotonic()
        """When the last sweep ended, for the liveness check."""

    def start(self) -> None:
        """Start to sweep."""
        self._thread.start()

    def stop(self) -> None:
        """Stop sweeping."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def announce_ready(self, job_id: str) -> None:
        """Announce a job that has just become ready, at once."""
        due = DueAnnouncement(score_announcement(job_id), JobState.READY)
        with self._announced_lock:
            self._announced[due] = time.monotonic()
        self._announce(due.announcement)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self.scan(time.monotonic(), datetime.now(UTC))
            except Exception:
                log.exception("sweep_failed")
            self.last_scan = time.monotonic()
            self._stopping.wait(self._every_seconds)

    def scan(self, now: float, clock: datetime) -> None:
        """Sweep once. ``now`` is monotonic, ``clock`` is what due times are compared with."""
        due = set(self._due(now, clock))
        self._due_since = {one: self._due_since.get(one, now) for one in due}
        with self._announced_lock:
            self._announced = {one: at for one, at in self._announced.items() if one in due or now - at < GRACE_SECONDS}
            first = [
                one for one in due if one not in self._announced and now - self._due_since[one] >= _grace(one.state)
            ]
            again = [one for one in due if now - self._announced.get(one, now) >= self._reannounce_seconds]
        for one in [*first, *self._unconsumed(again, due)]:
            with self._announced_lock:
                self._announced[one] = now
            self._announce(one.announcement)

    def _unconsumed(self, again: list[DueAnnouncement], due: set[DueAnnouncement]) -> list[DueAnnouncement]:
        """Leave out queues whose messages are all still there: more of the same would only lengthen them."""
        depths = self._depths() if again else None
        if depths is None:
            return []
        full = {queue for queue in Queue if depths.get(queue, 0) >= sum(one.announcement.queue is queue for one in due)}
        return [one for one in again if one.announcement.queue not in full]

    def _due(self, now: float, clock: datetime) -> Iterator[DueAnnouncement]:
        for job in self._spool.jobs(JobState.READY):
            if not waits_for_retry(job.folder, clock) and not is_held(job.folder):
                yield DueAnnouncement(score_announcement(job.id), JobState.READY)
        running = list(self._spool.jobs(JobState.RUNNING))
        self._running_since = {job.id: self._running_since.get(job.id, now) for job in running}
        for job in running:
            # Right after its claim a worker must find the lock free: only jobs that have run for a while are tried.
            if (
                now - self._running_since[job.id] >= GRACE_SECONDS
                and not waits_for_retry(job.folder, clock)
                and not is_held(job.folder)
                and _is_free(job)
            ):
                yield DueAnnouncement(score_announcement(job.id), JobState.RUNNING)
        try:
            yield from self._reported()
            yield from self._due_deliveries(clock)
        except LedgerUnavailable as error:  # cases are scored without it, and deliveries wait
            log.warning("sweep_waits_for_ledger", error=error.strerror)

    def _reported(self) -> Iterator[DueAnnouncement]:
        """Yield the deliveries that a report lies ready for; reports on jobs that are over are removed."""
        for awaited in reported(self._spool.ledger):
            job = self._spool.find_job(awaited.job_id)
            if job is None or job.state in (JobState.DONE, JobState.DROPPED):
                forget(self._spool.ledger, [awaited.transaction_uid])
            elif job.state is JobState.DELIVERING and not is_held(job.folder):
                yield DueAnnouncement(delivery_announcement(job.id, awaited.target), JobState.DELIVERING)

    def _due_deliveries(self, clock: datetime) -> Iterator[DueAnnouncement]:
        circuits: dict[str, Circuit] = {}
        probing: set[str] = set()
        jobs = [job.id for job in self._spool.jobs(JobState.DELIVERING) if not is_held(job.folder)]
        for job_id, deliveries in schedules(self._spool.ledger, jobs).items():
            # Settled, but not moved: its worker died between the last record and the move. Any delivery task closes it.
            left_behind = all(delivery.state.is_settled for delivery in deliveries)
            for delivery in deliveries:
                target = delivery.target
                if target not in circuits:
                    circuits[target] = read_circuit(self._spool.ledger, target)
                circuit = circuits[target]
                if left_behind or (circuit.is_closed and delivery.is_due(job_id, circuit, clock)):
                    yield DueAnnouncement(delivery_announcement(job_id, target), JobState.DELIVERING)
                elif target not in probing and circuit.wants_probe(clock) and delivery.needs_target(clock):
                    # Of the deliveries that wait for an unreachable target, one is enough to probe it.
                    probing.add(target)
                    yield DueAnnouncement(delivery_announcement(job_id, target), JobState.DELIVERING)


def _grace(state: JobState) -> float:
    """Return for how long something must be due before the sweep announces it: workers announce deliveries first."""
    return 0.0 if state is JobState.READY else GRACE_SECONDS


def _is_free(job: Job) -> bool:
    with exclusive(job.folder) as free:
        return free
