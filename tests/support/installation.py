"""radtme as an administrator would run it on several machines: listener, worker and Redis as processes of their own."""

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from listener.spool.jobs import Job, JobState
from listener.spool.record_file import as_json
from listener.spool.spool import Spool
from support.processes import free_port, is_listening, kill, start, stop, wait_until
from workers.results.result_record import read_result

RADTME = [str(Path(sys.executable).with_name("radtme"))]
FINAL = (JobState.DONE, JobState.FAILED)


class Installation:
    """One spool with a listener, a worker and a Redis that can be started, stopped and killed one by one.

    ``environment`` is that of listener and worker.
    """

    def __init__(
        self,
        folder: Path,
        targets: Sequence[dict[str, Any]] = (),
        listener: Mapping[str, Any] | None = None,
        dicom_port: int | None = None,
        environment: Mapping[str, str] | None = None,
        **workers: object,
    ) -> None:
        self.folder = folder
        self._environment = {"OMP_NUM_THREADS": "1", **(environment or {})}
        folder.mkdir(parents=True, exist_ok=True)
        self.dicom_port, self.redis_port = dicom_port or free_port(), free_port()
        self.listener_http, self.worker_http = free_port(), free_port()
        self.spool = Spool(folder / "data" / "spool")
        self.configuration = folder / "radtme.yaml"
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        settings = {
            "data": str(folder / "data"),
            "redis": {"url": f"redis://127.0.0.1:{self.redis_port}/0"},
            "listener": {
                "port": self.dicom_port,
                "metrics_port": self.listener_http,
                "min_free_bytes": 0,
                "settle_seconds": 0.5,
                "settle_unreferenced_seconds": 1.5,
                "deadline_seconds": 15,  # longer than a busy disk may take for an object
                "sweep_seconds": 0.5,
                "reannounce_seconds": 3,
                **(listener or {}),
            },
            "workers": {"metrics_port": self.worker_http, "first_retry_seconds": 1, "last_retry_seconds": 4, **workers},
            "targets": list(targets),
        }
        self.configuration.write_text(yaml.safe_dump(settings))

    def start(self, *parts: str, **variables: str) -> None:
        """Start redis, listen and work (or the named ones), with these variables, and wait until each is ready."""
        for part in parts or ("redis", "listen", "work"):
            environment = {} if part == "redis" else {**self._environment, **variables}
            self._processes[part] = start(self._command(part), self.folder / f"{part}.log", **environment)
        for part in parts or ("redis", "listen", "work"):
            self._wait(part)

    def kill(self, part: str) -> None:
        """End a part as a power cut would."""
        kill(self._processes.pop(part))

    def stop(self, *parts: str) -> None:
        """End parts in order, as an administrator would."""
        for part in parts or ("listen", "work", "redis"):
            if part in self._processes:
                stop(self._processes.pop(part))

    def pid(self, part: str) -> int:
        """Return the process id of a part."""
        return self._processes[part].pid

    def log(self, part: str) -> str:
        """Return what a part has said."""
        return (self.folder / f"{part}.log").read_text(errors="replace")

    def radtme(self, *words: str, check: bool = True) -> str:
        """Run the command with this installation's configuration; return what it printed."""
        command = [*RADTME, *words, "--config", str(self.configuration)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
        assert not check or done.returncode == 0, f"{' '.join(words)}: {done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    def jobs(self) -> list[Job]:
        """Return all jobs, by state and id."""
        return list(self.spool.jobs())

    def wait_for_jobs(self, number: int, seconds: float = 60) -> list[Job]:
        """Wait until there are so many jobs and each is in a final state."""
        wait_until(lambda: self._settled(number), seconds, f"{number} finished jobs; there are {self._states()}")
        return self.jobs()

    def result(self, job: Job) -> dict[str, Any]:
        """Return the job's result."""
        result = read_result(job)
        assert result is not None, f"{job.id} lies in {job.state} without a result"
        return as_json(result)

    def get(self, part: str, path: str) -> str:
        """Return the body of a part's HTTP answer."""
        port = self.listener_http if part == "listen" else self.worker_http
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            return str(answer.read().decode())

    def __enter__(self) -> "Installation":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _settled(self, number: int) -> bool:
        jobs = self.jobs()
        return len(jobs) == number and all(job.state in FINAL for job in jobs)

    def _states(self) -> str:
        return json.dumps([(job.id, job.state.value) for job in self.jobs()])

    def _command(self, part: str) -> list[str]:
        if part == "redis":
            words = ["redis-server", "--port", str(self.redis_port), "--bind", "127.0.0.1", "--save", ""]
            return [*words, "--dir", str(self.folder)]
        return [*RADTME, part, "--config", str(self.configuration)]

    def _wait(self, part: str) -> None:
        if part == "redis":
            wait_until(lambda: is_listening(self.redis_port), 10, "redis-server")
            return
        wait_until(lambda: self._ready(part), 180, f"{part} ready; it said: {self.log(part)[-1500:]}")

    def _ready(self, part: str) -> bool:
        assert self._processes[part].poll() is None, f"{part} ended: {self.log(part)[-3000:]}"
        try:
            body = self.get(part, "/readyz")
        except urllib.error.HTTPError as answer:
            body = answer.read().decode()
        except OSError:
            return False
        checks = json.loads(body)["checks"]
        # A worker without a usable signature runs, and says of each case why it is not scored.
        wanted = ["worker"] if part == "work" else checks
        return all(checks[name]["ok"] or not checks[name]["required"] for name in wanted)


def send(
    port: int,
    *files: Path,
    environment: dict[str, str] | None = None,
    ae_title: str = "RADTME",
    calling: str = "DCMSEND",
) -> None:
    """Send files or folders with dcmtk's dcmsend and check that each was taken."""
    command = [
        "dcmsend",
        "-aet",
        calling,
        "-aec",
        ae_title,
        "+sd",
        "+r",
        "-nuc",
        "127.0.0.1",
        str(port),
        *map(str, files),
    ]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, "TCP_NODELAY": "1", **(environment or {})},
    )
    assert done.returncode == 0, done.stdout + done.stderr
