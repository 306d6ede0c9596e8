"""Repair of the spool while it is used: what someone works on stays as it is."""

from listener.spool.jobs import JobState
from listener.spool.locks import exclusive
from listener.spool.repair import SpoolDefect, repair
from listener.spool.spool import Spool
from support.records import job_record


def test_a_lost_result_is_made_again_once_nobody_delivers_it(spool: Spool) -> None:
    """A job is scored again where its result was lost, and not under the hands of a worker that sends it."""
    job = spool.create_job(job_record("0123456789abcdef-v1"), JobState.DELIVERING)
    assert job is not None
    with exclusive(job.folder, "deliver-pacs.lock"):
        assert repair(spool) == []
    assert [one.defect for one in repair(spool)] == [SpoolDefect.RESULT_UNREADABLE]
    assert [(one.id, one.state) for one in spool.jobs()] == [(job.id, JobState.READY)]
