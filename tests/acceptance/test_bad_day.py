"""One part after another fails: alert, status, doctor and status page each report it.

Real processes, Redis and Prometheus, with the shipped rules (their waits shortened) and the metrics of an installation
on which nothing ever happened: each alert below fires at the first event.
"""

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydicom import Dataset
from pynetdicom import AE
from pynetdicom.sop_class import MRImageStorage

from support.dicom_objects import image
from support.processes import free_port, is_listening, running, wait_until
from support.whole_stack import RADTME, WholeStack

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.timeout(600),
    pytest.mark.skipif(shutil.which("prometheus") is None, reason="needs prometheus"),
]

PARTS = ("listener", "compute-1", "delivery")
JOBS = {"radtme-listener": "listener", "radtme-compute": "compute-1", "radtme-delivery": "delivery"}
NOTICED_SECONDS = 120.0
ENOUGH = "RADTME_LISTENER_MIN_FREE_BYTES"


class BadDay:
    """A stack whose service discovery is a folder of files, with what its people see."""

    def __init__(self, folder: Path) -> None:
        peers = [{"ae_title": title, "addresses": ["127.0.0.1"]} for title in ("MRI1", "RADTME")]
        self.page_port = free_port()
        self.stack = WholeStack(folder, [], min_free_bytes=0, sweep_seconds=0.5, peers=peers)
        self._folder = folder
        told = yaml.safe_load((folder / "prometheus.yml").read_text())
        for job in told["scrape_configs"]:
            del job["static_configs"]
            job["file_sd_configs"] = [{"files": [str(folder / f"{job['job_name']}.json")], "refresh_interval": "1s"}]
            self.discover(job["job_name"])
        (folder / "prometheus.yml").write_text(yaml.safe_dump(told))

    def discover(self, job: str, *, found: bool = True) -> None:
        """Let Prometheus find a part, or no longer."""
        targets = [f"127.0.0.1:{self.stack.metrics_ports[JOBS[job]]}"] if found else []
        temporary = self._folder / "discovery.tmp"
        temporary.write_text(json.dumps([{"targets": targets}] if targets else []))
        temporary.replace(self._folder / f"{job}.json")

    def radtme(self, *words: str) -> str:
        """Return what a command prints."""
        ports = self.stack.metrics_ports
        environment = {
            **os.environ,
            "RADTME_CONFIG": str(self._folder / "radtme.yaml"),
            "RADTME_LISTENER_METRICS_PORT": str(ports["listener"]),
            "RADTME_WORKERS_METRICS_PORT": str(ports["compute-1"]),
            "COLUMNS": "400",
        }
        done = subprocess.run([str(RADTME), *words], env=environment, capture_output=True, text=True, timeout=120)
        return done.stdout + done.stderr

    def faults(self) -> dict[str, str]:
        """Return what doctor finds that does not work."""
        found = json.loads(self.radtme("doctor", "--json"))
        return {one["check"]: one["message"] for one in found if one["level"] == "fault"}

    def page(self) -> list[str]:
        """Return the problems at the top of the status page."""
        import urllib.request

        with urllib.request.urlopen(f"http://127.0.0.1:{self.page_port}/", timeout=30) as answer:
            body = answer.read().decode()
        found = body.partition("Needs attention:</strong>")[2].partition("</p>")[0]
        return [found] if found else []

    def fires(self, alert: str, **labels: str) -> None:
        """Wait until an alert fires, with these labels."""

        def firing() -> bool:
            found: list[dict[str, Any]] = self.stack.api("alerts")["alerts"]
            mine = [one["labels"] for one in found if one["labels"]["alertname"] == alert and one["state"] == "firing"]
            return any(labels.items() <= one.items() for one in mine)

        wait_until(firing, NOTICED_SECONDS, f"{alert} fires")

    def store(self, instance: Dataset, calling: str = "MRI1") -> int | None:
        """Send one image; return the status, or None where the association is rejected."""
        entity = AE(calling)
        entity.add_requested_context(MRImageStorage)
        association = entity.associate("127.0.0.1", self.stack.dicom_port, ae_title="RADTME")
        if not association.is_established:
            return None
        status = association.send_c_store(instance).get("Status")
        association.release()
        return None if status is None else int(status)


@pytest.fixture
def day(tmp_path: Path) -> Iterator[BadDay]:
    """Redis, Prometheus, a listener, a compute and a delivery worker, and a status page."""
    one = BadDay(tmp_path / "stack")
    try:
        one.stack.start("redis", *PARTS, "prometheus")
        command = [str(RADTME), "status-page", "--config", str(tmp_path / "stack" / "radtme.yaml")]
        with running(command, tmp_path / "page.log", one.page_port, RADTME_STATUS_PAGE_PORT=str(one.page_port)):
            yield one
    finally:
        one.stack.stop()


def kill(day: BadDay, part: str) -> None:
    """Kill a part with SIGKILL."""
    os.kill(day.stack.pid(part), signal.SIGKILL)
    day.stack.stop(part)


def test_a_bad_day(day: BadDay, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every failure is reported in each of these places, and no report remains after the repair."""
    assert day.faults() == {}
    assert day.page() == []
    wait_until(lambda: not day.stack.firing(), NOTICED_SECONDS, "no alert fires")

    # Strangers, a study without an outline, another object under a known UID.
    assert [day.store(image(1), "STRANGER") for _ in range(7)] == [None] * 7
    assert day.store(image(1)) == 0x0000
    other = image(1)
    other.PatientID = "another"
    assert day.store(other) == 0x0111
    day.fires("RadtmePeersRejected", reason="calling_ae_title")
    day.fires("RadtmeQuarantineGrows")
    said = day.radtme("status")
    assert f"study {image(1).StudyInstanceUID}  1 instance" in said
    assert "listener runs, compute runs, delivery runs, Redis answers, database answers, last object" in said
    assert "MRI1, " in day.radtme("quarantine", "list")

    # A full disk.
    day.stack.stop("listener")
    monkeypatch.setenv(ENOUGH, str(1 << 60))
    day.stack.start("listener", ready=False)
    wait_until(lambda: is_listening(day.stack.dicom_port), NOTICED_SECONDS, "the listener accepts")
    zero = 'radtme_objects_received_total{outcome="out_of_resources", sop_class="mr"}'
    wait_until(lambda: bool(day.stack.query(f"{zero} and on () up{{job='radtme-listener'}} == 1")), 60, "a scrape")
    assert day.store(image(2)) == 0xA700
    day.fires("RadtmeRefusingObjects")
    assert "The disk is full: " in day.radtme("status")
    assert "objects are refused below" in day.faults()["disk"]
    day.stack.stop("listener")
    monkeypatch.delenv(ENOUGH)
    day.stack.start("listener")

    # A listener that was killed, and a worker that service discovery forgets.
    kill(day, "listener")
    day.stack.stop("compute-1")
    day.discover("radtme-compute", found=False)
    for seen in (day.radtme("status"), day.page()[0], day.faults()["parts"]):
        assert "No listener runs: no object is received." in seen or "No compute worker runs" in seen
    assert "No listener runs: no object is received." in day.page()[0]
    day.fires("RadtmePartDown", job="radtme-listener")
    day.fires("RadtmePartDown", job="radtme-compute")
    # The recorded series and the alerts are evaluated in groups of their own, at different instants.
    down = "count(radtme:part_up == 0) == 2"
    wait_until(lambda: bool(day.stack.query(down)), NOTICED_SECONDS, "two parts are counted as down")

    # Redis, and all of it back.
    day.discover("radtme-compute")
    day.stack.start("listener", "compute-1")
    kill(day, "redis")
    wait_until(lambda: not is_listening(day.stack.redis_port), 30, "Redis is gone")
    assert "no Redis answers at 127.0.0.1:" in day.radtme("status")
    assert "no Redis answers at 127.0.0.1:" in day.faults()["redis"]
    assert "without Redis" in day.page()[0]
    day.fires("RadtmeRedisDown")
    day.stack.start("redis")
    wait_until(lambda: not day.faults(), NOTICED_SECONDS, "doctor finds no fault")
    assert day.page() == []
