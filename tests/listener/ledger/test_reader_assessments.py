"""Readers' assessments in the ledger, on both databases."""

from datetime import timedelta
from pathlib import Path

import pytest

from listener.ledger import reader_assessments
from listener.ledger.reader_assessments import Assessment, ReaderAssessment, newest_assessments, note_assessment
from listener.spool.jobs import JobState, job_id_for
from listener.spool.spool import Spool
from support.records import AT, facts_of, job_record


@pytest.fixture(params=["sqlite", "postgresql"])
def spool(request: pytest.FixtureRequest, tmp_path: Path) -> Spool:
    """Return an empty spool with a ledger on each of the two databases."""
    url = None if request.param == "sqlite" else request.getfixturevalue("postgres").new_database()
    spool = Spool(tmp_path / "spool", url)
    spool.prepare()
    return spool


def test_the_newest_assessments_are_counted_and_of_a_reader_the_last_one(
    spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many are kept: a scrape reads no more than so many."""
    monkeypatch.setattr(reader_assessments, "MOST_COUNTED", 4)
    jobs = [job_id_for(f"1.2.{number}", 1) for number in range(3)]
    for job_id in jobs:
        assert spool.create_job(job_record(job_id), JobState.DONE, **facts_of(JobState.DONE))
    said = [(0, Assessment.REJECTED), (1, Assessment.REJECTED), (1, Assessment.MODIFIED), (2, Assessment.REJECTED)]
    for minute, (number, assessment) in enumerate([*said, (2, Assessment.ACCEPTED)]):
        at = AT + timedelta(minutes=minute)
        one = ReaderAssessment(jobs[number], f"1.9.{minute}", assessment, "R", (), "aa", "PACS", at)
        assert note_assessment(spool.ledger, one)
    found = newest_assessments(spool.ledger)
    assert [(one.job_id, one.assessment) for one in found] == [
        (jobs[1], Assessment.MODIFIED),
        (jobs[2], Assessment.ACCEPTED),
    ]
