"""A running stack for tests that break one thing after the other, and what its operators see.

Real processes, Redis and Prometheus, with the shipped rules (their waits shortened) and the metrics of an installation
on which nothing ever happened: each alert fires at the first event.
"""

import json
import os
import signal
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from click.testing import CliRunner, Result
from pydicom import Dataset
from pynetdicom import AE
from pynetdicom.sop_class import MRImageStorage, SegmentationStorage

from deploy import cli
from support.processes import free_port, running, wait_until
from support.whole_stack import RADTME, WholeStack

NOTICED_SECONDS = 120.0
PAUSE_SECONDS = 0.5
JOBS = {"radtme-listener": "listener", "radtme-compute": "compute-1", "radtme-delivery": "delivery"}
NO_PROBLEMS = "No problems."


class BadDay:
    """A stack whose service discovery is a folder of files, with what its people see."""

    def __init__(self, folder: Path, targets: Sequence[Mapping[str, Any]] = (), ledger_url: str | None = None) -> None:
        peers = [{"ae_title": title, "addresses": ["127.0.0.1"]} for title in ("MRI1", "RADTME")]
        self.page_port = free_port()
        quick = {"sweep_seconds": 0.5, "settle_seconds": 0.5, "reannounce_seconds": 3, "min_free_bytes": 0}
        self.stack = WholeStack(folder, targets, ledger_url, peers=peers, **quick)
        self._folder = folder
        told = yaml.safe_load((folder / "prometheus.yml").read_text())
        for job in told["scrape_configs"]:
            del job["static_configs"]
            job["file_sd_configs"] = [{"files": [str(folder / f"{job['job_name']}.json")], "refresh_interval": "1s"}]
            self.discover(job["job_name"])
        (folder / "prometheus.yml").write_text(yaml.safe_dump(told))
        # A case is ready for two minutes before idle workers are looked at: here for some seconds.
        rules = folder / "rules" / "alerts.yml"
        rules.write_text(rules.read_text().replace('state="ready"}) > 120', 'state="ready"}) > 2'))

    @contextmanager
    def serving_its_page(self) -> Iterator[None]:
        """Serve the status page for the block."""
        command = [str(RADTME), "status-page", "--config", str(self._folder / "radtme.yaml")]
        port = {"RADTME_STATUS_PAGE_PORT": str(self.page_port)}
        with running(command, self._folder / "page.log", self.page_port, **port):
            yield

    # What breaks -----------------------------------------------------------------------------------------------------

    def discover(self, job: str, *, found: bool = True) -> None:
        """Let Prometheus find a part, or no longer."""
        targets = [f"127.0.0.1:{self.stack.metrics_ports[JOBS[job]]}"] if found else []
        temporary = self._folder / "discovery.tmp"
        temporary.write_text(json.dumps([{"targets": targets}] if targets else []))
        temporary.replace(self._folder / f"{job}.json")

    def kill(self, part: str) -> None:
        """Kill a part with SIGKILL."""
        os.kill(self.stack.pid(part), signal.SIGKILL)
        self.stack.stop(part)

    def store(self, *instances: Dataset, calling: str = "MRI1") -> list[int] | None:
        """Send instances; return their statuses, or None where the association is rejected."""
        entity = AE(calling)
        for sop_class in (MRImageStorage, SegmentationStorage):
            entity.add_requested_context(sop_class)
        association = entity.associate("127.0.0.1", self.stack.dicom_port, ae_title="RADTME")
        if not association.is_established:
            return None
        statuses = [int(association.send_c_store(one).Status) for one in instances]
        association.release()
        return statuses

    # What people see -------------------------------------------------------------------------------------------------

    def radtme(self, *words: str) -> str:
        """Return what a command prints."""
        return self._run(*words).output

    def _run(self, *words: str) -> Result:
        """Run a command in this process: to load the program anew takes longer."""
        ports = self.stack.metrics_ports
        environment = {
            "RADTME_CONFIG": str(self._folder / "radtme.yaml"),
            "RADTME_LISTENER_METRICS_PORT": str(ports["listener"]),
            "RADTME_WORKERS_METRICS_PORT": str(ports["compute-1"]),
            "COLUMNS": "400",
        }
        return CliRunner().invoke(cli.radtme, words, env=environment, catch_exceptions=False)

    def status(self) -> str:
        """Return what `radtme status` prints."""
        return self.radtme("status")

    def doctor(self) -> str:
        """Return the faults that doctor finds, one a line; empty where all works."""
        found = json.loads(self._run("doctor", "--json").stdout)
        return "\n".join(f"{one['check']}: {one['message']}" for one in found if one["level"] == "fault")

    def page(self) -> str:
        """Return the first line of the status page, which says what needs attention; all of an error page."""
        body = self.whole_page()
        return body.partition('role="status">')[2].partition("</div>")[0] or body

    def whole_page(self) -> str:
        """Return the status page, or the error page in its place."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.page_port}/", timeout=60) as answer:
                body: str = answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.read().decode()
        return body

    def fires(self, alert: str, **labels: str) -> None:
        """Wait until an alert fires, with these labels."""
        _wait_until(lambda: self._is_firing(alert, labels), f"{alert} fires")

    def _is_firing(self, alert: str, labels: Mapping[str, str]) -> bool:
        found: list[dict[str, Any]] = self.stack.api("alerts")["alerts"]
        mine = [one["labels"] for one in found if one["labels"]["alertname"] == alert and one["state"] == "firing"]
        return any(labels.items() <= one.items() for one in mine)

    def says_everywhere(self, *sentences: str) -> None:
        """Check that status and page say each of these sentences."""
        shown = {"status": " ".join(self.status().split()), "page": self.page()}
        missing = [(place, one) for place, said in shown.items() for one in sentences if one not in said]
        assert missing == [], shown

    def wait_until_healthy(self) -> None:
        """Wait until page and doctor report nothing, and no alert of a part fires."""
        _wait_until(lambda: NO_PROBLEMS in self.page(), "the page finds no problem")
        _wait_until(lambda: not self.doctor(), "doctor finds no fault")
        gone = {"RadtmePartDown", "RadtmeRedisDown", "RadtmeLedgerDown", "RadtmeWorkersIdle", "RadtmeTargetUnreachable"}
        _wait_until(lambda: not self.stack.firing() & gone, "the alerts clear")


def _wait_until(condition: Callable[[], object], what: str) -> None:
    """Wait until people see something. Each look is work for the programs that are looked at."""
    wait_until(condition, NOTICED_SECONDS, what, PAUSE_SECONDS)


@contextmanager
def bad_day(
    folder: Path, *parts: str, targets: Sequence[Mapping[str, Any]] = (), ledger_url: str | None = None
) -> Iterator[BadDay]:
    """Run Redis, the named parts, Prometheus and a status page for the block, once Prometheus has seen every zero."""
    one = BadDay(folder, targets, ledger_url)
    scraped = len({*parts} & {*JOBS.values()})
    try:
        one.stack.start("redis", *parts, "prometheus")
        with one.serving_its_page():
            _wait_until(lambda: len(one.stack.query("up == 1")) >= scraped, "the first scrapes")
            yield one
    finally:
        one.stack.stop()
