"""What a part logs while Redis cannot be used: one message of our own, and the part keeps running."""

import json
import signal
import subprocess
import time
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
import yaml

from support.processes import free_port, running, wait_until
from support.whole_stack import RADTME

pytestmark = pytest.mark.timeout(900)
NOTICED_SECONDS = 120.0
SEVERAL_ATTEMPTS = 6.0
STARTED = "listener_started"


class Site:
    """An installation, by default one whose password of Redis is wrong."""

    def __init__(self, folder: Path, password: str = "wrong") -> None:  # noqa: S107
        self.folder = folder
        self.redis_port = free_port()
        self.log = folder / "part.log"
        told = {
            "data": str(folder / "data"),
            "redis": {"url": f"redis://:{password}@127.0.0.1:{self.redis_port}/0"},
            "listener": {"port": free_port(), "metrics_port": free_port(), "min_free_bytes": 0},
            "workers": {"metrics_port": free_port(), "concurrency": 1},
        }
        (folder / "radtme.yaml").write_text(yaml.safe_dump(told))

    def redis(self, password: str = "right") -> AbstractContextManager["subprocess.Popen[bytes]"]:  # noqa: S107
        """Run Redis for a block."""
        words = ["--bind", "127.0.0.1", "--save", "", "--requirepass", password]
        command = ["redis-server", "--port", str(self.redis_port), *words]
        return running(command, self.folder / "redis.log", self.redis_port)

    def part(self, command: str) -> AbstractContextManager["subprocess.Popen[bytes]"]:
        """Run a part for a block."""
        return running([str(RADTME), command, "--config", str(self.folder / "radtme.yaml")], self.log)

    def faults(self) -> list[str]:
        """Return what the part logged about Redis, each with a remedy."""
        lines = [line for line in self.log.read_text().splitlines() if line.startswith("{") and line.endswith("}")]
        told = [one for one in map(json.loads, lines) if one["event"] == "redis_unusable"]
        assert all(one["remedy"] for one in told)
        return [one["reason"] for one in told]

    def wait_for(self, words: str) -> None:
        """Wait until the log has these words."""
        wait_until(lambda: words in self.log.read_text(), NOTICED_SECONDS, f"{words} in the log")

    def ends_in_order(self, process: "subprocess.Popen[bytes]") -> None:
        """End the part; none of Celery's own messages were logged."""
        process.send_signal(signal.SIGTERM)
        assert process.wait(4 * NOTICED_SECONDS) == 0
        said = self.log.read_text()
        assert "consumer: " not in said
        assert "shutdown" not in said
        assert "Traceback" not in said


def test_a_worker_says_what_is_wrong_with_redis_and_when_that_changes(tmp_path: Path) -> None:
    """At the start, and after each reconnection by Celery, instead of Celery's messages."""
    site = Site(tmp_path)
    with site.part("work") as worker:
        site.wait_for("redis_unusable")
        assert site.faults() == [f"no Redis answers at 127.0.0.1:{site.redis_port}"]
        with site.redis():
            site.wait_for("refuses the password")
            assert site.faults()[1:] == [f"Redis at 127.0.0.1:{site.redis_port} refuses the password"]
            site.ends_in_order(worker)


def test_a_worker_waits_while_redis_is_a_replica(tmp_path: Path) -> None:
    """It ended, with a traceback. It says why once, and works again afterwards."""
    site = Site(tmp_path, password="right")
    ask = ["redis-cli", "-p", str(site.redis_port), "-a", "right", "--no-auth-warning"]
    with site.redis(), site.part("work") as worker:
        site.wait_for("worker_ready")
        subprocess.run([*ask, "REPLICAOF", "127.0.0.1", "1"], check=True, stdout=subprocess.DEVNULL)
        site.wait_for("is a replica and takes no messages")
        time.sleep(SEVERAL_ATTEMPTS)
        assert worker.poll() is None
        assert site.faults() == [f"Redis at 127.0.0.1:{site.redis_port} is a replica and takes no messages"]
        subprocess.run([*ask, "REPLICAOF", "NO", "ONE"], check=True, stdout=subprocess.DEVNULL)
        bound = [*ask, "DEL", "_kombu.binding.compute"]
        subprocess.run(bound, check=True, stdout=subprocess.DEVNULL)
        exists = [*ask, "EXISTS", "_kombu.binding.compute"]
        wait_until(
            lambda: b"1" in subprocess.check_output(exists), NOTICED_SECONDS, "the worker to bind its queue again"
        )
        site.ends_in_order(worker)


@pytest.mark.parametrize("command", ["listen", "up"])
def test_a_part_says_before_it_starts_that_redis_refuses_the_password(command: str, tmp_path: Path) -> None:
    """The message names the setting to correct; objects are received anyway."""
    site = Site(tmp_path)
    with site.redis(), site.part(command) as part:
        site.wait_for(STARTED)
        said = " ".join(site.log.read_text().split())
        assert said.index("refuses the password") < said.index(STARTED)
        assert "set redis.password_file" in said
        site.ends_in_order(part)


def test_up_says_that_it_is_of_little_use_without_redis_and_when_that_is_over(tmp_path: Path) -> None:
    """What `radtme doctor` says, in place of "radtme is running"; the parts go on as soon as Redis answers."""
    site = Site(tmp_path)
    with site.part("up") as up:
        site.wait_for("Ctrl-C stops it")
        said = " ".join(site.log.read_text().split())
        assert "radtme receives objects, but scores and sends nothing: no Redis answers at 127.0.0.1:" in said
        assert "start it, or correct redis.url" in said
        assert "radtme is running" not in said
        with site.redis("wrong"):
            site.wait_for("all parts are ready now")
            site.ends_in_order(up)
