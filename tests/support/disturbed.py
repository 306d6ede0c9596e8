"""What must hold after a fault: nothing acknowledged is lost, and the results are those of an undisturbed run."""

import hashlib
import os
import shutil
import signal
from collections.abc import Iterable
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path

import psutil
from pydicom import dcmread

from listener.spool.jobs import JobState
from listener.spool.spool import Spool
from support.broken_studies import SMALL
from support.doomed import Site
from support.processes import wait_until
from support.recorder import Recorder
from workers.delivery.outbox import read_deliveries, write_delivery
from workers.results.result_record import read_intact_result
from workers.targets.target import Target

TINY = {**SMALL, "phases": 1}
"""The smallest study that is scored."""


def site_with(folder: Path, model_store: Path, pacs: Recorder) -> Site:
    """Return a site that delivers to the recorder."""
    return Site(folder, model_store, (Target("pacs", pacs.ae_title, "127.0.0.1", pacs.port, timeout_seconds=10),))


@dataclass(frozen=True)
class Study:
    """A study on disk, what an undisturbed run makes of it, and spools that hold it half way."""

    paths: tuple[Path, ...]
    results: dict[str, str]
    """Digest of each result object as the PACS received it."""
    ready: Path
    """A spool in which its job is ready."""
    delivering: Path
    """A spool in which its results are queued."""


def digest(path: Path) -> str:
    """Return the digest of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def instance_uid(path: Path) -> str:
    """Return the SOP Instance UID of a file."""
    return str(dcmread(path, stop_before_pixels=True).SOPInstanceUID)


def put_spool(site: Site, template: Path) -> None:
    """Give a site a copy of a spool, whichever ledger it has."""
    if site.ledger_url is not None:
        site.spool.prepare()
        add_to_spool(site, template)
        return
    shutil.copytree(template, site.spool.root, dirs_exist_ok=True)


def add_to_spool(site: Site, template: Path) -> None:
    """Add what a spool holds to that of a site whose processes have begun."""
    shutil.copytree(template, site.spool.root, dirs_exist_ok=True, ignore=shutil.ignore_patterns("ledger.sqlite*"))
    former = Spool(template)
    for job in former.jobs():
        result = read_intact_result(job)
        outcome = result.outcome_columns() if result and job.state is JobState.DELIVERING else {}
        assert site.spool.create_job(job.record, job.state, attempts=job.attempts, **outcome)
        for record in read_deliveries(former.ledger, job.id):
            write_delivery(site.spool.ledger, job.id, record)


def is_stopped(process: BaseProcess) -> bool:
    """Return whether a process was held by SIGSTOP."""
    return psutil.Process(process.pid).status() == psutil.STATUS_STOPPED


def wait_for_stop(process: BaseProcess, site: Site) -> None:
    """Wait until a process has reached the step that it stops at."""
    wait_until(lambda: is_stopped(process), 240, f"the worker stops at its step; log: {site.log()}")


def go_on(process: BaseProcess) -> None:
    """Let a stopped process go on."""
    assert process.pid is not None
    os.kill(process.pid, signal.SIGCONT)


def says(site: Site, *events: str) -> bool:
    """Return whether a worker has logged one of the events."""
    return any(f'"{event}"' in site.log() for event in events)


def assert_kept(site: Site, acknowledged: Iterable[Path]) -> None:
    """Check that each acknowledged object lies in the spool as it was sent."""
    kept = {path.stem: path for path in site.spool.studies.rglob("*.dcm")}
    for path in acknowledged:
        sent, received = dcmread(path), dcmread(kept[instance_uid(path)])
        assert received == sent, f"{path.name} was changed"


def assert_undisturbed(site: Site, pacs: Recorder, study: Study, jobs: int = 1) -> None:
    """Check that every job is done, and that the PACS holds what it would hold anyway, and nothing else."""
    assert site.has_jobs(jobs, JobState.DONE), f"{site.states()} {site.log()[-3000:]}"
    assert not pacs.unlike()
    assert pacs.once() == study.results
    for job in site.spool.jobs():
        left = {path.name for path in job.folder.iterdir() if path.suffix not in (".lock", ".damaged")} - {"lock"}
        assert left == {"objects", "result.json"}
