"""The sweep: announces jobs and deliveries again that a worker should have taken and did not."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from listener.broker.messages import Announcement, Queue, delivery_announcement, score_announcement
from listener.ledger.commitments import forget, reported
from listener.ledger.database import LedgerUnavailable
from listener.ledger.deliveries import schedules
from listener.ledger.target_circuits import Circuit, read_circuit
from listener.runtime.logger import Logger
from listener.spool.atomic_files import make_folder
from listener.spool.job_queries import ids_in
from listener.spool.jobs import JobState
from listener.spool.leases import abandoned_jobs
from listener.spool.locks import exclusive
from listener.spool.retry_later import waits_for_retry
from listener.spool.spool import Spool

log = Logger(__name__)

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
        try:
            yield from self._ready(clock)
            yield from self._left_running(now, clock)
            yield from self._reported()
            yield from self._due_deliveries(clock)
        except LedgerUnavailable as error:
            log.warning("sweep_waits_for_ledger", error=error.strerror)

    def _ready(self, clock: datetime) -> Iterator[DueAnnouncement]:
        for job_id in ids_in(self._spool.ledger, JobState.READY):
            if not waits_for_retry(self._spool.job_folder(job_id), clock):
                yield DueAnnouncement(score_announcement(job_id), JobState.READY)

    def _left_running(self, now: float, clock: datetime) -> Iterator[DueAnnouncement]:
        """Yield the running jobs that nobody works on."""
        running = abandoned_jobs(self._spool)
        self._running_since = {job_id: self._running_since.get(job_id, now) for job_id in running}
        for job_id in running:
            folder = self._spool.job_folder(job_id)
            # Right after its claim a worker must find the lock free: only jobs that have run for a while are tried.
            ran_long = now - self._running_since[job_id] >= GRACE_SECONDS
            if ran_long and not waits_for_retry(folder, clock) and _is_free(folder):
                yield DueAnnouncement(score_announcement(job_id), JobState.RUNNING)

    def _reported(self) -> Iterator[DueAnnouncement]:
        """Yield the deliveries that a report lies ready for; reports on jobs that are over are removed."""
        for awaited in reported(self._spool.ledger):
            job = self._spool.find_job(awaited.job_id)
            if job is None or job.state in (JobState.DONE, JobState.DROPPED):
                forget(self._spool.ledger, [awaited.transaction_uid])
            elif job.state is JobState.DELIVERING and not job.is_held:
                yield DueAnnouncement(delivery_announcement(job.id, awaited.target), JobState.DELIVERING)

    def _due_deliveries(self, clock: datetime) -> Iterator[DueAnnouncement]:
        circuits: dict[str, Circuit] = {}
        probing: set[str] = set()
        jobs = ids_in(self._spool.ledger, JobState.DELIVERING)
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


def _is_free(folder: Path) -> bool:
    make_folder(folder)  # a backup may lack it
    with exclusive(folder) as free:
        return free
