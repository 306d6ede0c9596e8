"""The worker's steps in the spool."""

from dataclasses import replace
from pathlib import Path

import pytest

from listener.spool.jobs import Job, JobState, job_id_for
from listener.spool.locks import exclusive
from listener.spool.spool import Spool, fail_within
from support.outboxes import entry_of, write_objects
from support.records import facts_of, job_record
from workers.delivery.outbox import queue_delivery, read_deliveries, write_delivery
from workers.errors import FailureReason
from workers.jobs import attempts as ledger
from workers.results.result_roles import ResultRole

JOB_ID = job_id_for("1.2.3", 1)


@pytest.fixture
def spool(tmp_path: Path, ledger_url: str | None) -> Spool:
    """Return an empty spool."""
    spool = Spool(tmp_path / "spool", ledger_url)
    spool.prepare()
    return spool


@pytest.fixture
def ready(spool: Spool) -> Job:
    """Return a job that waits for a worker."""
    job = spool.create_job(job_record(JOB_ID), JobState.READY)
    assert job is not None
    return job


def test_a_ready_job_is_claimed_by_moving_it_to_running(spool: Spool, ready: Job) -> None:
    """A claim is a change of the state that only one worker can make."""
    with ledger.claimed(spool, JOB_ID) as job:
        assert job is not None
        assert job.state is JobState.RUNNING
    assert [one.state for one in spool.jobs()] == [JobState.RUNNING]


def test_a_job_in_another_workers_hands_is_left_alone(spool: Spool, ready: Job) -> None:
    """A message that comes twice must not make two workers score one job."""
    with ledger.claimed(spool, JOB_ID) as first, ledger.claimed(spool, JOB_ID) as second:
        assert first is not None
        assert second is None


def test_a_job_whose_worker_died_is_taken_over(spool: Spool, ready: Job) -> None:
    """The lock goes with its holder, so a running job without one can be gone on with."""
    with ledger.claimed(spool, JOB_ID):
        pass
    with ledger.claimed(spool, JOB_ID) as job:
        assert job is not None


@pytest.mark.parametrize("state", [JobState.WAITING, JobState.DELIVERING, JobState.DONE, JobState.FAILED])
def test_a_job_in_any_other_state_is_not_claimed(spool: Spool, state: JobState) -> None:
    """A late message for a job that moved on does nothing."""
    spool.create_job(job_record(JOB_ID), state, **facts_of(state))
    with ledger.claimed(spool, JOB_ID) as job:
        assert job is None
    assert [one.state for one in spool.jobs()] == [state]


def test_attempts_are_counted_before_the_work_and_survive_the_worker(spool: Spool, ready: Job) -> None:
    """A job that kills its worker can only be recognised by what was written before."""
    for number in (1, 2, 3):
        begun = ledger.begin_attempt(spool, ready)
        assert begun is not None
        assert len(begun.attempts.began) == number
        ready = begun


def test_a_job_given_back_is_ready_again_and_the_attempt_does_not_count(spool: Spool, ready: Job) -> None:
    """A full disk is not the job's fault."""
    with ledger.claimed(spool, JOB_ID) as job:
        assert job is not None
        for _ in range(2):
            job = ledger.begin_attempt(spool, job)
            assert job is not None
        ledger.give_back(spool, job, "ENOSPC")
    back = spool.find_job(JOB_ID)
    assert back is not None
    assert back.state is JobState.READY
    given_back = back.attempts.given_back
    assert given_back is not None
    assert given_back.why == "ENOSPC"
    begun = ledger.begin_attempt(spool, back)
    assert begun is not None
    assert len(begun.attempts.began) == 2, "the attempt before it still counts"


def test_objects_of_an_interrupted_attempt_are_replaced_as_a_whole(ready: Job) -> None:
    """A second run leaves what a first one would have left, and nothing else."""
    write_objects(ready, {"segmentation": b"old", "key_image": b"old"})
    (ready.folder / "objects-0.part").mkdir()
    (ready.folder / "objects-0.part" / "segmentation.dcm").write_bytes(b"half")
    write_objects(ready, {"segmentation": b"new"})
    assert {path.name: path.read_bytes() for path in (ready.folder / "objects").iterdir()} == {
        "segmentation.dcm": b"new"
    }
    assert not list(ready.folder.glob("*.part"))


def test_an_outbox_entry_that_exists_keeps_what_the_target_has_taken(spool: Spool, ready: Job) -> None:
    """A job that is taken over after its worker died must not forget what was already sent."""
    with spool.ledger.writing() as connection:
        queue_delivery(connection, ready.id, {"pacs": (ResultRole.SEGMENTATION,)})
    write_delivery(spool.ledger, ready.id, replace(entry_of(spool, ready), tries=4))
    with spool.ledger.writing() as connection:
        queue_delivery(connection, ready.id, dict.fromkeys(("pacs", "archive"), (ResultRole.SEGMENTATION,)))
    assert [(one.target, one.tries) for one in read_deliveries(spool.ledger, ready.id)] == [("archive", 0), ("pacs", 4)]


def test_a_failed_job_says_why_and_how_often_it_was_tried(spool: Spool, ready: Job) -> None:
    """A failed job keeps its reason and the number of its attempts."""
    begun = ledger.begin_attempt(spool, ready)
    assert begun is not None
    begun = ledger.begin_attempt(spool, begun)
    assert begun is not None
    with spool.ledger.writing() as connection:
        fail_within(spool, connection, begun, FailureReason.WORKER_KILLED, "two workers died")
    failed = spool.find_job(JOB_ID)
    assert failed is not None
    assert failed.state is JobState.FAILED
    failure = failed.failure
    assert failure is not None
    assert (failure.reason, failure.attempts) == ("worker_killed", 2)


def test_the_lock_is_free_when_its_holder_lets_go(ready: Job) -> None:
    """The sweep recognises a dead worker by its free lock."""
    with exclusive(ready.folder) as first:
        assert first
        with exclusive(ready.folder) as second:
            assert not second
    with exclusive(ready.folder) as third:
        assert third
