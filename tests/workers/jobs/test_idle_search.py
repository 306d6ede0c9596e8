"""A worker that has nothing to do finds ready cases whose messages were lost."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from listener.spool.jobs import JobState, job_id_for
from listener.spool.spool import Spool
from support.processes import free_port, running
from support.records import job_record
from workers.jobs.idle_search import IdleSearch

pytestmark = pytest.mark.acceptance


@pytest.fixture
def spool(tmp_path: Path, ledger_url: str | None) -> Spool:
    """An empty spool."""
    spool = Spool(tmp_path / "spool", ledger_url)
    spool.prepare()
    return spool


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[Redis]:
    """An empty Redis."""
    port = free_port()
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(tmp_path)]
    with running(command, tmp_path / "redis.log", port), Redis(port=port) as client:
        yield client


def search_on(spool: Spool, redis: Redis, *queues: str) -> IdleSearch:
    """Return the search of a worker with these queues."""
    port = redis.connection_pool.connection_kwargs["port"]
    return IdleSearch(spool, f"redis://127.0.0.1:{port}/0", queues)


def test_ready_cases_are_announced_while_no_listener_runs(spool: Spool, redis: Redis) -> None:
    """Once for each case, however often the worker searches before it takes one."""
    for number in range(6):
        spool.create_job(job_record(job_id_for(f"1.2.{number}", 1)), JobState.READY)
    search = search_on(spool, redis, "compute")
    for _ in range(3):
        search.search()
    search.stop()
    assert redis.llen("compute") == 6


def test_a_worker_leaves_the_work_of_others_alone(spool: Spool, redis: Redis) -> None:
    """A delivery worker announces no case to be scored."""
    spool.create_job(job_record(job_id_for("1.2.3", 1)), JobState.READY)
    search = search_on(spool, redis, "delivery")
    search.search()
    search.stop()
    assert redis.llen("compute") == 0


def test_without_redis_nothing_happens(spool: Spool) -> None:
    """The next search finds the cases again."""
    spool.create_job(job_record(job_id_for("1.2.3", 1)), JobState.READY)
    search = IdleSearch(spool, "redis://127.0.0.1:1/0", ["compute"])
    search.search()
    search.stop()
    assert [job.state for job in spool.jobs()] == [JobState.READY]
