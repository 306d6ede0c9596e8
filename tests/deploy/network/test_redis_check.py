"""What is said of a Redis that answers and takes no messages, as the listener's metric counts it, too."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from deploy.network.redis_check import check_redis
from listener.broker.announcer import Announcer
from support.processes import free_port, running, wait_until

pytestmark = pytest.mark.skipif(shutil.which("redis-server") is None, reason="needs redis-server")


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    """Run a Redis for the test."""
    port = free_port()
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(tmp_path)]
    with running(command, tmp_path / "redis.log", port):
        yield port


@pytest.mark.parametrize(
    ("break_it", "mend_it", "words", "remedy"),
    [
        (["CONFIG", "SET", "maxmemory", "1"], ["CONFIG", "SET", "maxmemory", "0"], "is full", "raise its maxmemory"),
        (["REPLICAOF", "127.0.0.1", "1"], ["REPLICAOF", "NO", "ONE"], "is a replica", "name the primary"),
    ],
    ids=["full", "replica"],
)
def test_a_redis_that_answers_and_takes_no_messages(
    port: int, break_it: list[str], mend_it: list[str], words: str, remedy: str
) -> None:
    """PING succeeds; status, doctor and up say what is wrong, the alert fires, and nothing is left in Redis."""
    url = f"redis://127.0.0.1:{port}/0"
    announcer = Announcer(url)
    try:
        with Redis.from_url(url) as redis:
            assert check_redis(url) is None
            redis.execute_command(*break_it)
            assert redis.ping()
            fault = check_redis(url)
            assert fault is not None
            assert words in fault.message
            assert "takes no messages" in fault.message
            assert fault.remedy.startswith(remedy)
            assert announcer.depths() is None
            redis.execute_command(*mend_it)
            assert check_redis(url) is None
            assert announcer.depths() == {"compute": 0, "delivery": 0}
    finally:
        announcer.stop()


def test_a_redis_that_cannot_save(port: int, tmp_path: Path) -> None:
    """After a failed snapshot, Redis refuses writes by default."""
    url = f"redis://127.0.0.1:{port}/0"
    with Redis.from_url(url) as redis:
        redis.config_set("save", "1 1")  # it refuses writes only where it is to save at all
        (tmp_path / "dump.rdb").mkdir()  # no file can take this name
        redis.bgsave()
        wait_until(lambda: redis.info("persistence")["rdb_last_bgsave_status"] == "err", 60, "a failed snapshot")
        fault = check_redis(url)
    assert fault is not None
    assert "cannot save to its disk" in fault.message
    assert "free space" in fault.remedy
