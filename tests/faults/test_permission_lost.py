"""A spool that becomes unwritable while a worker runs: permission lost, or read-only."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from listener.runtime.fault_points import FaultPoint
from listener.spool.job_notes import Attempts
from listener.spool.jobs import JobState
from listener.spool.layout import VERSION_NAME
from support.disturbed import Study, add_to_spool, assert_undisturbed, go_on, put_spool, says, site_with, wait_for_stop
from support.doomed import Site
from support.mounts import read_only, tmpfs
from support.postgresql import PostgresServer
from support.processes import wait_until
from support.recorder import Recorder


@pytest.fixture
def mounted(tmp_path: Path, model_store: Path, pacs: Recorder, postgres: PostgresServer) -> Iterator[Site]:
    """Return a site whose spool lies on a file system of its own, which no open ledger keeps from being read-only."""
    site = replace(site_with(tmp_path / "site", model_store, pacs), ledger_url=postgres.new_database())
    with tmpfs(site.spool.root):
        yield site


@contextmanager
def without_permission(folder: Path) -> Iterator[None]:
    """Remove the write permission from a folder and those below it, for the block."""
    folders = [folder, *(path for path in folder.rglob("*") if path.is_dir())]
    modes = {path: path.stat().st_mode for path in folders}
    for path in folders:
        path.chmod(0o555)
    try:
        yield
    finally:
        for path, mode in modes.items():
            path.chmod(mode)


@pytest.mark.parametrize("step", [FaultPoint.SCORE_CLAIMED, FaultPoint.SCORE_BUILT])
def test_permission_lost_while_a_case_is_scored(step: FaultPoint, site: Site, study: Study, pacs: Recorder) -> None:
    """The case waits, costs no attempt, and is the same once the permission is back; the worker lives."""
    site = replace(site, unprivileged=True)
    put_spool(site, study.ready)
    with site.working(f"{step}:stop", max_attempts=1) as worker:
        wait_for_stop(worker, site)
        with without_permission(site.spool.results):
            go_on(worker)
            wait_until(lambda: says(site, "job_requeued"), 240, f"the job is given back; log: {site.log()}")
            assert worker.is_alive()
            assert not pacs.digests
        site.wait_for_jobs(1, JobState.DONE)
        assert worker.is_alive()
    assert_undisturbed(site, pacs, study)


def test_permission_to_read_lost_while_a_case_is_scored(site: Site, study: Study, pacs: Recorder) -> None:
    """Objects without read permission are not rejected as unreadable, which would end the case."""
    site = replace(site, unprivileged=True)
    put_spool(site, study.ready)
    files = list(site.spool.studies.rglob("*.dcm"))
    with site.working(f"{FaultPoint.SCORE_COUNTED}:stop", max_attempts=1) as worker:
        wait_for_stop(worker, site)
        for path in files:
            path.chmod(0)
        go_on(worker)
        wait_until(lambda: says(site, "job_requeued", "case_finished"), 240, f"it tries; log: {site.log()}")
        for path in files:
            path.chmod(0o644)
        site.wait_for_jobs(1, JobState.DONE)
        assert worker.is_alive()
    assert_undisturbed(site, pacs, study)


def test_results_that_cannot_be_read_are_sent_later(site: Site, study: Study, pacs: Recorder) -> None:
    """Their permission was lost: the delivery waits and nothing is refused; the worker lives."""
    site = replace(site, unprivileged=True)
    put_spool(site, study.delivering)
    files = list(site.spool.results.rglob("*.dcm"))
    for path in files:
        path.chmod(0)
    with site.working() as worker:
        wait_until(lambda: says(site, "delivery_interrupted"), 100, f"the attempt ends; log: {site.log()}")
        for path in files:
            path.chmod(0o644)
        site.wait_for_jobs(1, JobState.DONE)
        assert worker.is_alive()
    assert_undisturbed(site, pacs, study)


@pytest.mark.parametrize("state", [JobState.READY, JobState.DELIVERING])
def test_a_read_only_disk_below_the_worker(state: JobState, mounted: Site, study: Study, pacs: Recorder) -> None:
    """Nothing can be begun or noted: the worker lives, and goes on by itself once the disk can be written."""
    with mounted.working() as worker:
        wait_until((mounted.spool.root / VERSION_NAME).exists, 240, "the worker has begun")
        assert worker.pid is not None
        os.kill(worker.pid, signal.SIGSTOP)
        add_to_spool(mounted, study.ready if state is JobState.READY else study.delivering)
        with read_only(mounted.spool.root):
            go_on(worker)
            refused = "job_claim_failed" if state is JobState.READY else "delivery_record_not_written"
            wait_until(lambda: says(mounted, refused), 240, f"the disk refuses; log: {mounted.log()}")
            assert worker.is_alive()
            # The claim is in a database that can be written; the attempt that follows is not begun.
            assert mounted.has_jobs(1, state, JobState.RUNNING)
            assert [job.attempts for job in mounted.spool.jobs(JobState.RUNNING, JobState.READY)] in ([], [Attempts()])
        mounted.wait_for_jobs(1, JobState.DONE)
        assert worker.is_alive()
    assert_undisturbed(mounted, pacs, study)
