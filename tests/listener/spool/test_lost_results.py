"""Results that were lost are made again, and not under the hands of a worker that sends them."""

import pytest

from listener.spool import lost_results
from listener.spool.jobs import JobState
from listener.spool.locks import exclusive
from listener.spool.lost_results import jobs_without_result, score_again
from listener.spool.spool import Spool
from support.records import facts_of, job_record, result_record
from workers.results.result_record import write_result


def test_a_lost_result_is_made_again_once_nobody_delivers_it(spool: Spool) -> None:
    """A job is scored again where its result was lost, and not under the hands of a worker that sends it."""
    job = spool.create_job(job_record("0123456789abcdef-v1"), JobState.DELIVERING, **facts_of(JobState.DELIVERING))
    assert job is not None
    with exclusive(job.folder, "deliver-pacs.lock"):
        assert score_again(spool) == []
    assert [one.id for one in jobs_without_result(spool)] == [job.id]
    assert [one.id for one in score_again(spool)] == [job.id]
    assert [(one.id, one.state) for one in spool.jobs()] == [(job.id, JobState.READY)]


def test_a_result_that_was_made_again_meanwhile_stays(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the look and the lock, another process may have let it be made again."""
    job = spool.create_job(job_record("0123456789abcdef-v1"), JobState.DELIVERING, **facts_of(JobState.DELIVERING))
    assert job is not None
    write_result(job, result_record(job.id))
    monkeypatch.setattr(lost_results, "jobs_without_result", lambda _: [job])
    assert score_again(spool) == []
    assert (job.folder / "result.json").exists()
    assert [one.state for one in spool.jobs()] == [JobState.DELIVERING]
