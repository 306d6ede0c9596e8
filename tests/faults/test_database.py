"""PostgreSQL goes away below a worker at some step, and comes back: the case ends as if nothing had happened."""

from dataclasses import replace

import pytest

from listener.runtime.fault_points import FaultPoint
from listener.spool.jobs import JobState
from support.disturbed import Study, add_to_spool, assert_undisturbed, go_on, says, wait_for_stop
from support.doomed import Site
from support.postgresql import PostgresServer
from support.processes import wait_until
from support.recorder import Recorder


@pytest.mark.parametrize("step", [FaultPoint.SCORE_CLAIMED, FaultPoint.RESULT_WRITTEN, FaultPoint.DELIVERY_OPENED])
def test_the_database_goes_away_below_a_worker(
    step: FaultPoint, site: Site, study: Study, pacs: Recorder, postgres: PostgresServer
) -> None:
    """The worker lives, the attempt does not count, and each result is there once."""
    site = replace(site, ledger_url=postgres.new_database())
    site.spool.prepare()
    add_to_spool(site, study.ready)
    with site.working(f"{step}:stop", max_attempts=1) as worker:
        wait_for_stop(worker, site)
        postgres.stop()
        try:
            go_on(worker)
            refused = "delivery_record_not_written" if step is FaultPoint.DELIVERY_OPENED else "job_requeued"
            wait_until(lambda: says(site, refused), 240, f"the database is missed; log: {site.log()}")
        finally:
            postgres.start()
        site.wait_for_jobs(1, JobState.DONE)
        assert worker.is_alive()
    assert_undisturbed(site, pacs, study)
