"""What the sweep rings for, and what it leaves alone."""

import fcntl
import os
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from listener.broker.messages import Bell, deliver_bell, score_bell
from listener.broker.sweep import Sweep
from listener.spool.atomic_files import make_folder, write_json
from listener.spool.jobs import Job, JobState, job_id_for
from listener.spool.spool import Spool

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


class Belfry:
    """A sweep on a spool, with what it rang and the queue depths that it sees."""

    def __init__(self, spool: Spool) -> None:
        self.rung: list[Bell] = []
        self.depths: Mapping[str, int] | None = {}
        self.spool = spool
        self.sweep = Sweep(spool, self.rung.append, lambda: self.depths, 5.0, 60.0)

    def turn(self, now: float) -> list[Bell]:
        """Sweep at a time; return what was rung for."""
        self.rung.clear()
        self.sweep.turn(now, NOON + timedelta(seconds=now))
        return list(self.rung)

    def job(self, state: JobState, number: int = 1) -> Job:
        """Put a job into the spool."""
        job = self.spool.create_job(job_id_for(f"1.2.{number}", 1), {}, state)
        assert job is not None
        return job


@pytest.fixture
def belfry(spool: Spool) -> Belfry:
    """Return a sweep on an empty spool."""
    return Belfry(spool)


def test_a_ready_job_is_rung_for_at_once_and_again_after_a_while(belfry: Belfry) -> None:
    """A lost message costs a delay of `ring_again_seconds`, never a study."""
    job = belfry.job(JobState.READY)
    assert belfry.turn(0) == [score_bell(job.id)]
    assert belfry.turn(59) == []
    assert belfry.turn(60) == [score_bell(job.id)]


def test_a_job_that_was_just_announced_is_not_rung_for_twice(belfry: Belfry, monkeypatch: pytest.MonkeyPatch) -> None:
    """The pairer announces at once; the next sweep leaves it at that."""
    job = belfry.job(JobState.READY)
    monkeypatch.setattr("listener.broker.sweep.time.monotonic", lambda: 10.0)
    belfry.sweep.announce_ready(job.id)
    assert belfry.rung == [score_bell(job.id)]
    assert belfry.turn(11) == []
    assert belfry.turn(70) == [score_bell(job.id)]


def test_messages_do_not_pile_up_while_no_worker_runs(belfry: Belfry) -> None:
    """As long as the queue holds a message for each ready job, none is added; once emptied, all are rung again."""
    jobs = [belfry.job(JobState.READY, number) for number in range(3)]
    belfry.turn(0)
    belfry.depths = {"compute": 3}
    assert belfry.turn(3600) == []
    belfry.depths = {"compute": 0}
    assert {bell.args[0] for bell in belfry.turn(3605)} == {job.id for job in jobs}
    belfry.depths = None
    assert belfry.turn(9999) == []


def test_a_running_job_is_rung_for_when_its_worker_has_died(belfry: Belfry) -> None:
    """The lock tells: held, the worker lives; free for some seconds, it is gone."""
    job = belfry.job(JobState.RUNNING)
    descriptor = os.open(job.folder / "lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    assert [belfry.turn(now) for now in (0, 5, 10, 600)] == [[]] * 4
    os.close(descriptor)
    assert [belfry.turn(now) for now in (605, 610)] == [[], [score_bell(job.id)]]


def test_a_job_that_was_just_claimed_finds_its_lock_free(belfry: Belfry, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between a worker's rename and its lock the sweep must not hold the lock, not even for a moment."""
    belfry.job(JobState.RUNNING)
    tried = []
    monkeypatch.setattr("listener.broker.sweep._is_free", lambda job: tried.append(job) or True)
    belfry.turn(0)
    assert tried == []
    belfry.turn(5)
    assert len(tried) == 1


@pytest.mark.parametrize(
    ("state", "next_try_seconds", "rung"),
    [("queued", 0, True), ("retry", 0, True), ("retry", 3600, False)],
)
def test_deliveries_are_rung_for_when_they_are_due(
    belfry: Belfry, state: str, next_try_seconds: float, rung: bool
) -> None:
    """Queued or waiting for a retry, and its time has come."""
    job = belfry.job(JobState.DELIVERING)
    make_folder(job.folder / "delivery")
    due = (NOON + timedelta(seconds=next_try_seconds)).isoformat()
    write_json(job.folder / "delivery" / "PACS.json", {"target": "PACS", "state": state, "next_try": due})
    assert belfry.turn(1) == []
    assert belfry.turn(6) == ([deliver_bell(job.id, "PACS")] if rung else [])


@pytest.mark.parametrize(("states", "rung"), [(("delivered", "refused"), True), (("delivered", "retry"), False)])
def test_a_job_whose_worker_died_before_it_was_closed_is_rung_for(
    belfry: Belfry, states: tuple[str, ...], rung: bool
) -> None:
    """Every record is settled and the job still lies in `delivering`: whoever comes for it closes it."""
    job = belfry.job(JobState.DELIVERING)
    make_folder(job.folder / "delivery")
    due = (NOON + timedelta(hours=1)).isoformat()
    for number, state in enumerate(states):
        write_json(job.folder / "delivery" / f"PACS{number}.json", {"state": state, "next_try": due})
    assert belfry.turn(1) == []
    assert set(belfry.turn(6)) == ({deliver_bell(job.id, f"PACS{number}") for number in range(2)} if rung else set())


def test_a_damaged_delivery_record_is_not_taken_for_a_settled_one(belfry: Belfry) -> None:
    """What a target has taken is not known then: the job stays until someone has looked."""
    job = belfry.job(JobState.DELIVERING)
    make_folder(job.folder / "delivery")
    write_json(job.folder / "delivery" / "PACS.json", {"state": "delivered"})
    (job.folder / "delivery" / "ARCHIVE.json").write_text("{")
    assert [belfry.turn(now) for now in (0, 100)] == [[], []]


def test_jobs_that_wait_or_are_over_are_left_alone(belfry: Belfry) -> None:
    """Only ready, running and delivering jobs are anybody's work."""
    for number, state in enumerate((JobState.WAITING, JobState.DONE, JobState.FAILED)):
        belfry.job(state, number)
    assert [belfry.turn(now) for now in (0, 100)] == [[], []]
