"""Repair of the spool while it is used: what only seemed to be damaged stays as it is."""

import pytest

from listener.spool import repair as repairing
from listener.spool.jobs import JobState
from listener.spool.repair import Finding, SpoolDefect, repair
from listener.spool.spool import Spool
from support.records import job_record


def test_a_job_that_was_seen_twice_because_it_moved_stays(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker gave it back while the states were listed one after another: it lies in one state only."""
    job = spool.create_job(job_record("0123456789abcdef-v1"), JobState.READY)
    assert job is not None
    seen_twice = Finding(SpoolDefect.TWO_STATES, job.folder, job.id)
    monkeypatch.setattr(repairing, "check", lambda spool: iter([seen_twice]))
    assert repair(spool) == []
    assert [(one.id, one.state) for one in spool.jobs()] == [(job.id, JobState.READY)]
