"""The stack that compose starts, without containers: the same commands, a Redis with a password, Prometheus."""

import json
import re
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from http import HTTPStatus
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml

from deploy.stack.readiness import http_ready
from listener.spool.jobs import Job, JobState
from listener.spool.spool import Spool
from support.processes import free_port, is_listening, start, stop, wait_until

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "deploy" / "compose"
RULES = ROOT / "deploy" / "prometheus" / "rules"
RADTME = Path(sys.executable).with_name("radtme")
ROLE_OF = {"listener": "listener", "compute-1": "compute", "compute-2": "compute", "delivery": "delivery"}
"""Which service of the compose file each process is."""
FINAL = (JobState.DONE, JobState.FAILED)
SECRET = "a password of this test"


def quick_rules(folder: Path) -> None:
    """Write the shipped rules into a new folder, with shorter waits and intervals."""
    folder.mkdir()
    for path in RULES.glob("*.yml"):
        rules = re.sub(r"\bfor: \S+", "for: 2s", path.read_text())
        (folder / path.name).write_text(re.sub(r"\binterval: \S+", "interval: 1s", rules))


def prometheus_ready(port: int) -> bool:
    """Return whether Prometheus answers queries; it listens before that."""
    try:
        return bool(urllib.request.urlopen(f"http://127.0.0.1:{port}/-/ready", timeout=30).status == HTTPStatus.OK)
    except OSError:
        return False


class WholeStack:
    """Processes that stand for the containers; each can be stopped, killed and started again."""

    def __init__(
        self, folder: Path, targets: Sequence[Mapping[str, Any]], ledger_url: str | None = None, **listener: Any
    ) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.dicom_port, self.redis_port, self.prometheus_port = free_port(), free_port(), free_port()
        self.metrics_ports = {part: free_port() for part in ROLE_OF}
        self.spool = Spool(folder / "data" / "spool", ledger_url)
        self._commands = {
            part: yaml.safe_load((COMPOSE / "compose.yaml").read_text())["services"][role]["command"]
            for part, role in ROLE_OF.items()
        }
        self._processes: dict[str, Any] = {}
        self._write_files(targets, listener)

    def _write_files(self, targets: Sequence[Mapping[str, Any]], listener: Mapping[str, Any]) -> None:
        secret = self.folder / "redis_password"
        secret.write_text(SECRET)
        secret.chmod(0o600)
        (self.folder / "redis.conf").write_text(
            (COMPOSE / "redis.conf").read_text().replace("dir /data", f"dir {self.folder}")
            + f'bind 127.0.0.1\nport {self.redis_port}\nrequirepass "{SECRET}"\n'
        )
        told = yaml.safe_load((COMPOSE / "radtme.yaml").read_text())
        told["data"] = str(self.folder / "data")
        told["redis"] = {"url": f"redis://127.0.0.1:{self.redis_port}/0", "password_file": str(secret)}
        told["listener"] |= {"host": "127.0.0.1", "port": self.dicom_port, "metrics_host": "127.0.0.1", **listener}
        told["workers"] |= {"metrics_host": "127.0.0.1", "first_retry_seconds": 1, "last_retry_seconds": 4}
        told["targets"] = list(targets)
        if self.spool.ledger_url is not None:
            told["ledger"] = {"url": self.spool.ledger_url.replace("postgresql+psycopg:", "postgresql:")}
        del told["status_page"]
        (self.folder / "radtme.yaml").write_text(yaml.safe_dump(told))
        self._write_prometheus()

    def _write_prometheus(self) -> None:
        """Take compose's configuration with quicker scrapes and fixed addresses, and the rules with shorter waits."""
        told = yaml.safe_load((COMPOSE / "prometheus.yml").read_text())
        told["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
        del told["alerting"]
        for job in told["scrape_configs"]:
            role = job["job_name"].removeprefix("radtme-")
            parts = [part for part, its in ROLE_OF.items() if its == role]
            assert parts, f"compose scrapes {role}, which is no part"
            del job["dns_sd_configs"]
            job["static_configs"] = [{"targets": [f"127.0.0.1:{self.metrics_ports[part]}" for part in parts]}]
        (self.folder / "prometheus.yml").write_text(yaml.safe_dump(told))
        quick_rules(self.folder / "rules")

    # Processes -------------------------------------------------------------------------------------------------------

    def start(self, *parts: str, ready: bool = True) -> None:
        """Start the named parts (all of them when none is named) and wait until each is ready, if it can be."""
        parts = parts or ("redis", *ROLE_OF, "prometheus")
        for part in parts:
            port = self.metrics_ports.get(part, 0)
            environment = {
                "RADTME_CONFIG": str(self.folder / "radtme.yaml"),
                "RADTME_LISTENER_METRICS_PORT" if part == "listener" else "RADTME_WORKERS_METRICS_PORT": str(port),
                "OMP_NUM_THREADS": "1",
            }
            self._processes[part] = start(self._command(part), self.folder / f"{part}.log", **environment)
            if part == "redis":
                self._wait_for(part, lambda: is_listening(self.redis_port), 30)
        for part in parts:
            if part in ROLE_OF and ready:
                self._wait_for(part, http_ready("127.0.0.1", self.metrics_ports[part]), 180)
        if "prometheus" in parts:
            self._wait_for("prometheus", lambda: prometheus_ready(self.prometheus_port), 60)

    def _wait_for(self, part: str, is_ready: Callable[[], bool], seconds: float) -> None:
        """Wait until a part is ready; what ended instead, such as on a port that was taken meanwhile, fails at once."""
        wait_until(lambda: self.has_ended(part) or is_ready(), seconds, f"{part} ready", pause_seconds=0.5)
        assert not self.has_ended(part), f"{part} ended: {self.said(part)}"

    def has_ended(self, part: str) -> bool:
        """Return whether the process of a part is gone."""
        return self._processes[part].poll() is not None

    def stop(self, *parts: str) -> None:
        """End the named parts (all of them when none is named), senders first."""
        for part in parts or ("prometheus", *ROLE_OF, "redis"):
            if part in self._processes:
                stop(self._processes.pop(part))

    def pid(self, part: str) -> int:
        """Return the process id of a part."""
        return int(self._processes[part].pid)

    def said(self, part: str) -> str:
        """Return the end of a part's log."""
        return (self.folder / f"{part}.log").read_text(errors="replace")[-2000:]

    def _command(self, part: str) -> list[str]:
        if part == "redis":
            return ["redis-server", str(self.folder / "redis.conf")]
        if part == "prometheus":
            return [
                "prometheus",
                f"--config.file={self.folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={self.folder / 'prometheus'}",
                f"--web.listen-address=127.0.0.1:{self.prometheus_port}",
            ]
        return [str(RADTME), *self._commands[part]]

    def __enter__(self) -> "WholeStack":
        with ExitStack() as undo:
            undo.callback(self.stop)
            self.start()
            undo.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    # What can be asked -----------------------------------------------------------------------------------------------

    def jobs(self) -> list[Job]:
        """Return all jobs, by state and id."""
        return list(self.spool.jobs())

    def wait_for_jobs(self, number: int, seconds: float) -> list[Job]:
        """Wait until there are so many jobs and each is in a final state."""

        def settled() -> bool:
            jobs = self.jobs()
            return len(jobs) == number and all(job.state in FINAL for job in jobs)

        wait_until(settled, seconds, f"{number} finished jobs")
        return self.jobs()

    def api(self, path: str, **parameters: str) -> Any:
        """Return the data of an answer of Prometheus."""
        query = urllib.parse.urlencode(parameters)
        url = f"http://127.0.0.1:{self.prometheus_port}/api/v1/{path}?{query}"
        with urllib.request.urlopen(url, timeout=30) as answer:
            return json.load(answer)["data"]

    def query(self, expression: str) -> list[dict[str, Any]]:
        """Return the series that an expression gives now."""
        return list(self.api("query", query=expression)["result"])

    def value(self, expression: str) -> float:
        """Return the one number that an expression gives; 0 where it gives none."""
        found = self.query(expression)
        assert len(found) <= 1, f"{expression} gives {len(found)} series"
        return float(found[0]["value"][1]) if found else 0.0

    def counted(self, counter: str, by: str = "") -> dict[str, float]:
        """Return what a counter has counted since the start, by label, also of processes that began anew meanwhile.

        What `increase` estimates, exactly: every step up between two scrapes, and what a process began with.
        """
        found: dict[str, float] = {}
        for series in self.query(f"{counter}[1h]"):
            values = [0.0, *(float(value) for _, value in series["values"])]
            steps = [later - earlier if later >= earlier else later for earlier, later in pairwise(values)]
            label = series["metric"].get(by, "")
            found[label] = found.get(label, 0.0) + sum(steps)
        return {label: count for label, count in found.items() if count}

    def history(self, expression: str, seconds: float) -> list[dict[str, Any]]:
        """Return the series of an expression over the last seconds, as a panel would ask for them."""
        now = time.time()
        step = max(1.0, seconds / 200)
        asked = {"query": expression, "start": f"{now - seconds}", "end": f"{now}", "step": f"{step}"}
        return list(self.api("query_range", **asked)["result"])

    def firing(self) -> set[str]:
        """Return the names of the alerts that fire now."""
        return {one["labels"]["alertname"] for one in self.api("alerts")["alerts"] if one["state"] == "firing"}
