"""A worker that was taken for dead and lives on: another machine has its job or its delivery, and it stores nothing."""

from pathlib import Path

import pytest

from listener.ledger.deliveries import DeliveryState
from listener.spool import leases
from listener.spool.jobs import Job, JobState, job_id_for
from listener.spool.leases import LeaseLost, claim, while_held
from listener.spool.spool import Spool
from support.outboxes import delivering, entry_of
from support.postgresql import PostgresServer
from support.records import job_record, result_record
from workers.delivery.closing import closing
from workers.delivery.outbox import held_outbox, read_deliveries
from workers.jobs import attempts
from workers.jobs.score_job import _queue_results
from workers.results.result_roles import ResultRole
from workers.settings import WorkerSettings
from workers.targets.target import Target

JOB_ID = job_id_for("1.2.3", 1)
PACS = Target("pacs", "PACS", "127.0.0.1", 104)


@pytest.fixture(params=["sqlite", "postgresql"])
def spool(request: pytest.FixtureRequest, tmp_path: Path) -> Spool:
    """Return an empty spool with a ledger on each of the two databases."""
    url = None if request.param == "sqlite" else request.getfixturevalue("postgres").new_database()
    spool = Spool(tmp_path / "spool", url)
    spool.prepare()
    return spool


@pytest.fixture
def settings(spool: Spool) -> WorkerSettings:
    """Return settings with one target."""
    return WorkerSettings(spool.root, spool.root / "signatures", (PACS,))


def twice_claimed(spool: Spool) -> tuple[Job, Job]:
    """Return a job as the worker has it that was taken for dead, and as the one that took it over has it."""
    ready = spool.create_job(job_record(JOB_ID), JobState.READY)
    assert ready is not None
    first = claim(spool, ready)
    assert first is not None
    second = claim(spool, first)
    assert second is not None
    return first, second


def test_a_worker_that_lost_its_job_queues_nothing(spool: Spool, settings: WorkerSettings) -> None:
    """The transaction that stores the result asks for the claim; the other worker's result is queued once."""
    first, second = twice_claimed(spool)
    result = result_record(JOB_ID, objects={ResultRole.SUMMARY_REPORT: "1.2.9"})
    with pytest.raises(LeaseLost):
        _queue_results(spool, first, (PACS,), result, settings)
    assert read_deliveries(spool.ledger, JOB_ID) == ()
    assert spool.find_job(JOB_ID) == second
    assert _queue_results(spool, second, (PACS,), result, settings) == ("pacs",)
    with pytest.raises(LeaseLost):
        _queue_results(spool, first, (PACS,), result, settings)
    found = spool.find_job(JOB_ID)
    assert found is not None
    assert found.state is JobState.DELIVERING


def test_a_worker_that_lost_its_job_neither_counts_nor_ends_nor_returns_it(spool: Spool) -> None:
    """Whatever it still wants to say of the job is refused."""
    first, second = twice_claimed(spool)
    assert attempts.begin_attempt(spool, first) is None
    attempts.give_back(spool, first, "ENOSPC")
    assert spool.move(first, JobState.FAILED) is None
    assert spool.find_job(JOB_ID) == second


def test_two_claims_write_to_folders_of_their_own(spool: Spool) -> None:
    """Before the result is in its place, neither sees what the other one writes."""
    first, second = twice_claimed(spool)
    attempts.stage_objects(second, {"segmentation": b"second"})
    attempts.stage_objects(first, {"segmentation": b"first"})
    attempts.put_in_place(second)
    assert [path.read_bytes() for path in (second.folder / "objects").iterdir()] == [b"second"]


def test_a_result_is_put_in_its_place_only_by_who_holds_the_job(spool: Spool) -> None:
    """Where several machines work; an embedded ledger has only one, on which the lock of the job tells."""
    first, second = twice_claimed(spool)
    with while_held(spool, second):
        pass
    if spool.ledger_url is not None:
        with pytest.raises(LeaseLost), while_held(spool, first):
            pytest.fail("the block of a worker that lost its job was run")


def test_a_worker_that_lost_its_delivery_records_nothing(
    settings: WorkerSettings, tmp_path: Path, postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other machine, which does not see its lock, has the delivery after the end of the lease, and no sooner."""
    spool = Spool(tmp_path / "several", postgres.new_database(), lease_seconds=600.0)
    spool.prepare()
    job = delivering(spool, "pacs")
    settled = closing(spool, settings)
    with held_outbox(spool, job.id, "pacs", settled) as lost:
        assert lost is not None
        (job.folder / "deliver-pacs.lock").unlink()
        monkeypatch.setattr(leases, "this_host", lambda: "another")
        with held_outbox(spool, job.id, "pacs", settled) as too_soon:
            assert too_soon is None
        (job.folder / "deliver-pacs.lock").unlink()
        over = Spool(spool.root, spool.ledger_url, lease_seconds=-1.0)  # as if it had ended
        with leases.delivery_lease(over, job.id, "pacs") as mine:
            assert mine is not None
            before = entry_of(spool, job)
            with pytest.raises(LeaseLost):
                lost.write(before.tried())
            assert entry_of(spool, job) == before
    assert entry_of(spool, job).state is DeliveryState.QUEUED


def test_a_delivery_that_was_let_go_is_free_for_every_machine(
    settings: WorkerSettings, tmp_path: Path, postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody waits for the end of the lease of an attempt that has ended."""
    spool = Spool(tmp_path / "several", postgres.new_database(), lease_seconds=600.0)
    spool.prepare()
    job = delivering(spool, "pacs")
    for host in ("one", "another"):
        monkeypatch.setattr(leases, "this_host", lambda host=host: host)
        with held_outbox(spool, job.id, "pacs", closing(spool, settings)) as held:
            assert held is not None
