"""PostgreSQL goes away below a worker at some step, and comes back: the case ends as if nothing had happened."""

import signal
from dataclasses import replace
from pathlib import Path

import pytest

from listener.runtime.fault_points import FaultPoint
from listener.spool.jobs import JobState
from support.disturbed import Study, add_to_spool, assert_undisturbed, go_on, says, site_with, wait_for_stop
from support.postgresql import PostgresServer
from support.processes import wait_until
from support.recorder import Recorder


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT], ids=["stopped", "killed"])
@pytest.mark.parametrize("step", [FaultPoint.SCORE_CLAIMED, FaultPoint.RESULT_WRITTEN, FaultPoint.DELIVERY_OPENED])
def test_the_database_goes_away_below_a_worker(
    step: FaultPoint,
    how: signal.Signals,
    tmp_path: Path,
    model_store: Path,
    study: Study,
    pacs: Recorder,
    postgres: PostgresServer,
) -> None:
    """The worker lives, the attempt does not count, and each result is there once; also after a crash of the server."""
    site = replace(site_with(tmp_path / "site", model_store, pacs), ledger_url=postgres.new_database())
    site.spool.prepare()
    add_to_spool(site, study.ready)
    with site.working(f"{step}:stop", max_attempts=1) as worker:
        wait_for_stop(worker, site)
        postgres.stop(how)
        try:
            go_on(worker)
            refused = "delivery_record_not_written" if step is FaultPoint.DELIVERY_OPENED else "job_requeued"
            wait_until(lambda: says(site, refused), 240, f"the database is missed; log: {site.log()}")
        finally:
            postgres.start()
        site.wait_for_jobs(1, JobState.DONE)
        assert worker.is_alive()
    assert_undisturbed(site, pacs, study)
