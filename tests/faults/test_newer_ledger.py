"""Another host migrates the ledger below parts of the earlier version: they store nothing by their own rules.

After a rollback they go on; objects that came meanwhile are acknowledged, because their bytes are safe.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from listener.ledger.migration import HEAD
from listener.runtime.fault_points import FaultPoint
from listener.spool.jobs import JobState
from listener.spool.spool import Spool
from support.disturbed import Study, assert_kept, assert_undisturbed, go_on, put_spool, says, wait_for_stop
from support.doomed import Site
from support.modality import store_all
from support.mounts import close_ledgers
from support.processes import wait_until
from support.recorder import Recorder


@contextmanager
def newer(spool: Spool) -> Iterator[None]:
    """Let the ledger be one of a newer version during the block."""
    _set_revision(spool, "9999")
    try:
        yield
    finally:
        _set_revision(spool, HEAD)


def _set_revision(spool: Spool, revision: str) -> None:
    engine = create_engine(spool.ledger.url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :revision"), {"revision": revision})
    engine.dispose()


@pytest.mark.parametrize("step", [FaultPoint.SCORE_CLAIMED, FaultPoint.RESULT_WRITTEN, FaultPoint.DELIVERY_OPENED])
def test_the_ledger_is_migrated_below_a_worker(step: FaultPoint, site: Site, study: Study, pacs: Recorder) -> None:
    """The worker lives, its attempt does not count, and each result is there once."""
    put_spool(site, study.ready)
    close_ledgers()
    with site.working(f"{step}:stop", max_attempts=1) as worker:
        wait_for_stop(worker, site)
        with newer(site.spool):
            go_on(worker)
            refused = "delivery_record_not_written" if step is FaultPoint.DELIVERY_OPENED else "job_requeued"
            wait_until(lambda: says(site, refused), 240, f"the migration is noticed; log: {site.log()}")
            assert "a newer radtme wrote the ledger" in site.log()
        site.wait_for_jobs(1, JobState.DONE)
        assert worker.is_alive()
    assert_undisturbed(site, pacs, study)


def test_the_ledger_is_migrated_below_a_listener(site: Site, study: Study) -> None:
    """All objects are kept and acknowledged; the case follows."""
    acknowledged: list[Path] = []
    with site.listening() as (port, _):
        wait_until(lambda: site.spool.root.is_dir(), 60, "the spool")
        site.has_jobs(0)
        with newer(site.spool):
            store_all(port, study.paths, acknowledged)
            assert_kept(site, study.paths)
            wait_until(lambda: "a newer radtme wrote the ledger" in site.log(), 60, site.log())
        site.wait_for_jobs(1, JobState.READY)
    assert sorted(acknowledged) == sorted(study.paths)
