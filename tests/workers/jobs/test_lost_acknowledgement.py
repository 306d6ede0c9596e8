"""A worker whose acknowledgement is lost on the way to Redis takes the next message all the same."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.processes import free_port, is_listening, running, wait_until
from workers.jobs.app import create_app
from workers.settings import WorkerSettings

WORKER = """
import sys
from pathlib import Path
from kombu.transport import redis as transport
from redis.exceptions import TimeoutError
from workers.jobs.app import create_app
from workers.settings import WorkerSettings

folder = Path(sys.argv[1])
app = create_app(WorkerSettings(folder, folder, redis_url=sys.argv[2], concurrency=1))
acknowledge = transport.Channel.basic_ack

def losing_the_first(channel, *arguments, **more):
    if not (folder / "lost").exists():
        (folder / "lost").touch()
        raise TimeoutError("Timeout reading from socket")
    acknowledge(channel, *arguments, **more)

transport.Channel.basic_ack = losing_the_first

@app.task(name="note", shared=False)
def note(name):
    (folder / name).touch()

app.Worker(pool="prefork", concurrency=1, queues=["compute"], without_gossip=True, without_mingle=True).start()
"""


@pytest.fixture
def redis_url(tmp_path: Path) -> Iterator[str]:
    """Return the address of a Redis of this test."""
    port = free_port()
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(tmp_path)]
    with running(command, tmp_path / "redis.log", port):
        wait_until(lambda: is_listening(port), 30, "Redis")
        yield f"redis://127.0.0.1:{port}/0"


def test_the_next_message_is_taken(redis_url: str, tmp_path: Path) -> None:
    """Celery alone would count the first one as in work for ever, and take no other."""
    sender = create_app(WorkerSettings(tmp_path, tmp_path, redis_url=redis_url))
    with running([sys.executable, "-c", WORKER, str(tmp_path), redis_url], tmp_path / "log"):
        sender.send_task("note", ["first"])
        wait_until((tmp_path / "lost").exists, 60, "the lost acknowledgement")
        sender.send_task("note", ["second"])
        wait_until((tmp_path / "second").exists, 30, f"the next message: {(tmp_path / 'log').read_text()[-2000:]}")
