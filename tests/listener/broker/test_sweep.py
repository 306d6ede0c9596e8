"""What the sweep announces, and what it leaves alone."""

import fcntl
import os
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from listener.broker.messages import Announcement, delivery_announcement, score_announcement
from listener.broker.sweep import Sweep
from listener.ledger.deliveries import DeliveryState
from listener.spool.jobs import Job, JobState, job_id_for
from listener.spool.spool import Spool
from support.processes import free_port
from support.records import facts_of, job_record
from workers.delivery.outbox import write_delivery
from workers.delivery.record import DeliveryRecord

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


class Sweeping:
    """A sweep on a spool, with the jobs that it announced and the queue depths that it sees."""

    def __init__(self, spool: Spool) -> None:
        self.announced: list[Announcement] = []
        self.depths: Mapping[str, int] | None = {}
        self.spool = spool
        self.sweep = Sweep(spool, self.announced.append, lambda: self.depths, 5.0, 60.0)

    def scan(self, now: float) -> list[Announcement]:
        """Sweep at a time; return what was announced for."""
        self.announced.clear()
        self.sweep.scan(now, NOON + timedelta(seconds=now))
        return list(self.announced)

    def job(self, state: JobState, number: int = 1) -> Job:
        """Put a job into the spool."""
        job = self.spool.create_job(job_record(job_id_for(f"1.2.{number}", 1)), state, **facts_of(state))
        assert job is not None
        return job

    def delivery(self, job: Job, target: str, state: str, next_try: datetime) -> None:
        """Put a delivery into the ledger."""
        reached = DeliveryState(state)
        due = None if reached.is_settled else next_try
        record = DeliveryRecord(target=target, roles=(), state=reached, next_try=due, tries=1)
        write_delivery(self.spool.ledger, job.id, record)


@pytest.fixture
def sweeping(spool: Spool) -> Sweeping:
    """Return a sweep on an empty spool."""
    return Sweeping(spool)


def test_a_ready_job_is_rung_for_at_once_and_again_after_a_while(sweeping: Sweeping) -> None:
    """A lost message costs a delay of `reannounce_seconds`, never a study."""
    job = sweeping.job(JobState.READY)
    assert sweeping.scan(0) == [score_announcement(job.id)]
    assert sweeping.scan(59) == []
    assert sweeping.scan(60) == [score_announcement(job.id)]


def test_a_job_that_was_just_announced_is_not_announced_twice(
    sweeping: Sweeping, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pairer announces at once; the next sweep leaves it at that."""
    job = sweeping.job(JobState.READY)
    monkeypatch.setattr("listener.broker.sweep.time.monotonic", lambda: 10.0)
    sweeping.sweep.announce_ready(job.id)
    assert sweeping.announced == [score_announcement(job.id)]
    assert sweeping.scan(11) == []
    assert sweeping.scan(70) == [score_announcement(job.id)]


def test_messages_do_not_pile_up_while_no_worker_runs(sweeping: Sweeping) -> None:
    """As long as the queue holds a message for each ready job, none is added; once emptied, all are announced again."""
    jobs = [sweeping.job(JobState.READY, number) for number in range(3)]
    sweeping.scan(0)
    sweeping.depths = {"compute": 3}
    assert sweeping.scan(3600) == []
    sweeping.depths = {"compute": 0}
    assert {announcement.args[0] for announcement in sweeping.scan(3605)} == {job.id for job in jobs}
    sweeping.depths = None
    assert sweeping.scan(9999) == []


def test_a_running_job_is_rung_for_when_its_worker_has_died(sweeping: Sweeping) -> None:
    """A worker whose lock is held lives; one whose lock has been free for some seconds is gone."""
    job = sweeping.job(JobState.RUNNING)
    descriptor = os.open(job.folder / "lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    assert [sweeping.scan(now) for now in (0, 5, 10, 600)] == [[]] * 4
    os.close(descriptor)
    assert [sweeping.scan(now) for now in (605, 610)] == [[], [score_announcement(job.id)]]


def test_a_job_that_was_just_claimed_finds_its_lock_free(sweeping: Sweeping, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between a worker's claim and its lock the sweep must not hold the lock, not even for a moment."""
    sweeping.job(JobState.RUNNING)
    tried = []
    monkeypatch.setattr("listener.broker.sweep._is_free", lambda job: tried.append(job) or True)
    sweeping.scan(0)
    assert tried == []
    sweeping.scan(5)
    assert len(tried) == 1


@pytest.mark.parametrize(
    ("state", "next_try_seconds", "announced"),
    [("queued", 0, True), ("retry", 0, True), ("retry", 3600, False)],
)
def test_deliveries_are_rung_for_when_they_are_due(
    sweeping: Sweeping, state: str, next_try_seconds: float, announced: bool
) -> None:
    """Queued or waiting for a retry, and its time has come."""
    job = sweeping.job(JobState.DELIVERING)
    sweeping.delivery(job, "PACS", state, NOON + timedelta(seconds=next_try_seconds))
    assert sweeping.scan(1) == []
    assert sweeping.scan(6) == ([delivery_announcement(job.id, "PACS")] if announced else [])


@pytest.mark.parametrize(("states", "announced"), [(("delivered", "refused"), True), (("delivered", "retry"), False)])
def test_a_job_whose_worker_died_before_it_was_closed_is_rung_for(
    sweeping: Sweeping, states: tuple[str, ...], announced: bool
) -> None:
    """Every record is settled and the job is still `delivering`: the next worker that claims it closes it."""
    job = sweeping.job(JobState.DELIVERING)
    for number, state in enumerate(states):
        sweeping.delivery(job, f"PACS{number}", state, NOON + timedelta(hours=1))
    assert sweeping.scan(1) == []
    assert set(sweeping.scan(6)) == (
        {delivery_announcement(job.id, f"PACS{number}") for number in range(2)} if announced else set()
    )


def test_jobs_that_wait_or_are_over_are_left_alone(sweeping: Sweeping) -> None:
    """Only ready, running and delivering jobs are announced."""
    for number, state in enumerate((JobState.WAITING, JobState.DONE, JobState.FAILED)):
        sweeping.job(state, number)
    assert [sweeping.scan(now) for now in (0, 100)] == [[], []]


def test_a_sweep_goes_on_when_the_ledger_is_back(tmp_path: Path) -> None:
    """While it is away nothing is announced, and nothing fails."""
    spool = Spool(tmp_path / "spool", f"postgresql+psycopg://radtme@127.0.0.1:{free_port()}/radtme")
    assert Sweeping(spool).scan(0) == []
