"""A ledger that is full, or can only be read, below a real listener and a real worker, on both databases.

Objects are received as long as their own disk takes them; each answer is true; when the ledger can be written again,
every case is scored and delivered once.
"""

import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from listener.ledger.database import LedgerUnavailable
from listener.ledger.target_circuits import Circuit, change_circuit
from listener.runtime.fault_points import FaultPoint
from listener.scp.statuses import Status
from listener.spool.jobs import JobState
from support.disturbed import Study, assert_kept, assert_undisturbed, go_on, says, site_with, wait_for_stop
from support.doomed import Site
from support.modality import store_all, store_until_gone
from support.mounts import close_ledgers, ext4, fail_disk, fill, tmpfs_for_all
from support.postgresql import UNPRIVILEGED, PostgresServer
from support.processes import wait_until
from support.recorder import Recorder

STEPS = [FaultPoint.SCORE_CLAIMED, FaultPoint.RESULT_WRITTEN, FaultPoint.DELIVERY_OPENED]
MISSED = ("job_requeued", "delivery_record_not_written")
"""What a worker logs that cannot write the ledger."""


def can_be_written(site: Site) -> bool:
    """Return whether the ledger takes a row that needs new pages: PostgreSQL compresses what repeats itself."""
    try:
        change_circuit(site.spool.ledger, "other", lambda circuit: Circuit(last_error=secrets.token_hex(100_000)))
    except LedgerUnavailable:
        return False
    return True


@contextmanager
def full(disk: Path) -> Iterator[None]:
    """Let a disk be full for the block."""
    ballast = fill(disk)
    try:
        yield
    finally:
        ballast.unlink()


@contextmanager
def read_only(url: str) -> Iterator[None]:
    """Let a database on PostgreSQL refuse to be written for the block, as a standby does, also on open connections."""
    name = url.rpartition("/")[2]
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as admin:

        def switch(mode: str) -> None:
            change = "ALTER DATABASE {} SET default_transaction_read_only = {}"
            admin.execute(sql.SQL(change).format(sql.Identifier(name), sql.SQL(mode)))
            others = "FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()"
            admin.execute(f"SELECT pg_terminate_backend(pid) {others}".encode(), [name])

        switch("on")
        try:
            yield
        finally:
            switch("off")


@pytest.fixture
def disk() -> Iterator[Path]:
    """Return a small file system of the ledger's own, which the database server may enter."""
    with tmpfs_for_all("size=64m") as folder:
        yield folder
        close_ledgers()


@pytest.fixture
def on_full_disk(
    disk: Path, tmp_path: Path, model_store: Path, pacs: Recorder, postgres: PostgresServer
) -> Iterator[Site]:
    """Return a site whose ledger, on PostgreSQL, lies on the small file system, and whose objects do not."""
    place = disk / "tablespace"
    place.mkdir()
    shutil.chown(place, UNPRIVILEGED)
    url = postgres.new_database(place)
    yield replace(site_with(tmp_path / "site", model_store, pacs), ledger_url=url)
    close_ledgers()
    postgres.drop_database(url)


def receive_meanwhile(site: Site, study: Study, unwritable: object) -> None:
    """Send a study while the ledger cannot be written; all of it is acknowledged, and its job follows."""
    with site.listening() as (port, process), site.working():
        with unwritable:  # type: ignore[attr-defined]
            assert not can_be_written(site)
            acknowledged: list[Path] = []
            store_all(port, study.paths, acknowledged)
            assert len(acknowledged) == len(study.paths)
            assert_kept(site, study.paths)
            assert process.is_alive()
        site.wait_for_jobs(1, JobState.DONE)


def test_intake_goes_on_beside_a_full_database(on_full_disk: Site, disk: Path, study: Study, pacs: Recorder) -> None:
    """Objects and outline are acknowledged, because their bytes are safe; the case follows when there is room."""
    on_full_disk.spool.prepare()
    assert can_be_written(on_full_disk)
    receive_meanwhile(on_full_disk, study, full(disk))
    assert_undisturbed(on_full_disk, pacs, study)


def test_intake_goes_on_beside_a_database_that_is_read_only(
    tmp_path: Path, model_store: Path, study: Study, pacs: Recorder, postgres: PostgresServer
) -> None:
    """As beside a standby that took over and was not promoted."""
    url = postgres.new_database()
    site = replace(site_with(tmp_path / "site", model_store, pacs), ledger_url=url)
    site.spool.prepare()
    assert can_be_written(site)
    receive_meanwhile(site, study, read_only(url))
    assert_undisturbed(site, pacs, study)


def test_a_full_disk_below_the_spool_and_its_embedded_ledger(
    disk: Path, model_store: Path, study: Study, pacs: Recorder
) -> None:
    """What has no room is refused with 0xA700; everything is taken, scored and delivered once when there is some."""
    site = site_with(disk, model_store, pacs)
    acknowledged: list[Path] = []
    with site.listening(min_free_bytes=0) as (port, process), site.working():
        store_until_gone(port, study.paths[:3], acknowledged)
        with full(disk):
            assert store_until_gone(port, study.paths[3:], acknowledged) == Status.OUT_OF_RESOURCES
            assert_kept(site, acknowledged)
        store_all(port, study.paths, acknowledged)
        site.wait_for_jobs(1, JobState.DONE)
        assert process.is_alive()
    assert_undisturbed(site, pacs, study)


@pytest.mark.parametrize("step", STEPS)
def test_a_database_that_becomes_read_only_below_a_worker(
    step: FaultPoint, tmp_path: Path, model_store: Path, study: Study, pacs: Recorder, postgres: PostgresServer
) -> None:
    """At some step of a case: the worker lives, the attempt does not count, and each result is there once."""
    url = postgres.new_database()
    site = replace(site_with(tmp_path / "site", model_store, pacs), ledger_url=url)
    with site.listening() as (port, _):
        store_all(port, study.paths, [])
        site.wait_for_jobs(1, JobState.READY)
    with site.working(f"{step}:stop", max_attempts=1) as worker:
        wait_for_stop(worker, site)
        with read_only(url):
            go_on(worker)
            wait_until(lambda: says(site, *MISSED), 240, f"the database is missed; log: {site.log()}")
        site.wait_for_jobs(1, JobState.DONE)
        assert worker.is_alive()
    assert_undisturbed(site, pacs, study)


@pytest.mark.parametrize("step", STEPS)
def test_a_disk_that_fails_below_a_worker_and_the_embedded_ledger(
    step: FaultPoint, tmp_path: Path, model_store: Path, study: Study, pacs: Recorder
) -> None:
    """The kernel makes it read-only. On the mended disk the case ends as if nothing had happened."""
    site = site_with(tmp_path / "site", model_store, pacs)
    with ext4(site.spool.root, tmp_path / "disk-image"):
        with site.listening() as (port, _):
            store_all(port, study.paths, [])
            site.wait_for_jobs(1, JobState.READY)
        with site.working(f"{step}:stop") as worker:
            wait_for_stop(worker, site)
            fail_disk(site.spool.root)
            go_on(worker)
            wait_until(lambda: says(site, "sweep_failed", *MISSED), 240, f"the disk is missed; log: {site.log()}")
            assert worker.is_alive()
    with ext4(site.spool.root, tmp_path / "disk-image"):
        with site.working():
            site.wait_for_jobs(1, JobState.DONE)
        assert_undisturbed(site, pacs, study)
