"""A part, Redis or the database fails: alert, status, doctor and status page each report it."""

import os
import shutil
import signal
from collections.abc import Iterator

import psutil
import pytest
from redis import Redis

from listener.spool.jobs import JobState
from support.bad_day import NOTICED_SECONDS, BadDay, bad_day
from support.dicom_objects import image, outline
from support.postgresql import PostgresServer
from support.processes import is_listening, wait_until
from support.whole_stack import SECRET

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(shutil.which("prometheus") is None, reason="needs prometheus"),
]


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory, postgres: PostgresServer) -> Iterator[BadDay]:
    """Redis, PostgreSQL, Prometheus, a listener, a compute and a delivery worker, and a status page."""
    folder = tmp_path_factory.mktemp("parts")
    with bad_day(folder, "listener", "compute-1", "delivery", ledger_url=postgres.new_database()) as one:
        one.wait_until_healthy()
        yield one


@pytest.fixture(autouse=True)
def _healthy_again(day: BadDay) -> Iterator[None]:
    """Each test leaves a healthy stack, with which the next one begins."""
    yield
    day.wait_until_healthy()


def test_a_listener_was_killed_and_discovery_forgets_a_worker(day: BadDay) -> None:
    """Both parts are named in each place."""
    day.kill("listener")
    day.stack.stop("compute-1")
    day.discover("radtme-compute", found=False)
    sentences = ("No listener is running: no object is received.", "No compute worker is running: no case is scored.")
    day.says_everywhere(*sentences)
    assert [one for one in sentences if one not in day.doctor()] == []
    day.fires("RadtmePartDown", job="radtme-listener")
    day.fires("RadtmePartDown", job="radtme-compute")
    # The recorded series and the alerts are evaluated in groups of their own, at different instants.
    down = "count(radtme:part_up == 0) == 2"
    wait_until(lambda: bool(day.stack.query(down)), NOTICED_SECONDS, "two parts are counted as down")
    day.discover("radtme-compute")
    day.stack.start("listener", "compute-1")


def test_no_redis(day: BadDay) -> None:
    """Redis is killed and starts again without its data."""
    day.kill("redis")
    wait_until(lambda: not is_listening(day.stack.redis_port), 30, "Redis is gone")
    day.says_everywhere(f"no Redis answers at 127.0.0.1:{day.stack.redis_port}")
    assert "redis: no Redis answers at 127.0.0.1:" in day.doctor()
    day.fires("RadtmeRedisDown")
    day.stack.start("redis")


def test_redis_has_another_password(day: BadDay) -> None:
    """Each part reports it, also those that were connected before."""
    url = f"redis://127.0.0.1:{day.stack.redis_port}/0"
    with Redis.from_url(url, password=SECRET) as redis:
        redis.config_set("requirepass", "another")
        redis.client_kill_filter(_type="normal", skipme=True)
    day.says_everywhere("refuses the password")
    assert "refuses the password" in day.doctor()
    assert "refuses the password" in day.radtme("config", "check", "--connect")
    day.fires("RadtmeRedisDown")
    with Redis.from_url(url, password="another") as redis:
        redis.config_set("requirepass", SECRET)


def test_a_database_that_was_stopped(day: BadDay, postgres: PostgresServer) -> None:
    """Its outage is reported although it holds the jobs."""
    postgres.stop()
    try:
        assert "The ledger's database cannot be used: " in day.status()
        assert "database: PostgreSQL: " in day.doctor()
        assert "database" in day.page()
        day.fires("RadtmeLedgerDown")
    finally:
        postgres.start()


def test_a_worker_that_idles_while_a_case_is_ready(day: BadDay) -> None:
    """The processes of its pool are stopped; the worker itself still answers Prometheus."""
    worker = psutil.Process(day.stack.pid("compute-1"))
    children = worker.children(recursive=True)
    for child in children:
        os.kill(child.pid, signal.SIGSTOP)
    try:
        assert day.store(image(1), outline([1])) == [0x0000, 0x0000]
        wait_until(lambda: list(day.stack.spool.jobs(JobState.READY)), NOTICED_SECONDS, "a ready case")
        day.fires("RadtmeWorkersIdle")
        assert "ready: waits for a worker" in day.status()
    finally:
        for child in children:
            os.kill(child.pid, signal.SIGCONT)
    day.stack.wait_for_jobs(1, NOTICED_SECONDS)
