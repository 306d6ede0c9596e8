"""`radtme export` and readers' assessments of results, from the spool and the ledger alone."""

import csv
import io
import re
from datetime import UTC, datetime, timedelta

import pytest

from deploy.operations.case_table import agreement, case_table, write_csv
from deploy.operations.status import read_jobs
from listener.ledger.reader_assessments import (
    Assessment,
    ReaderAssessment,
    newest_assessments,
    note_assessment,
    read_assessments,
)
from listener.spool import job_rows
from listener.spool.jobs import Job, JobState
from listener.spool.spool import Spool
from support.spool_jobs import REJECTED, SCORED

NOW = datetime.now(UTC)


def said(job: Job, number: int, assessment: Assessment, reader: str = "aa") -> ReaderAssessment:
    """Return an assessment of a job; a later document has a larger number."""
    at = NOW + timedelta(seconds=number)
    return ReaderAssessment(job.id, f"1.9.{number}", assessment, "R^99", ("summary_report",), reader, "PACS", at)


@pytest.fixture
def cases(spool: Spool, put_job) -> tuple[Job, Job]:
    """Return a scored case and a refused one."""
    return put_job("1.1", JobState.DONE, result=SCORED), put_job("1.2", JobState.DONE, result=REJECTED)


def test_of_each_reader_the_last_assessment_counts(spool, cases):
    """Who changes the mind is counted once; two readers are counted both; a document that comes twice, once."""
    scored, _ = cases
    for one in (
        said(scored, 1, Assessment.REJECTED),
        said(scored, 2, Assessment.ACCEPTED),
        said(scored, 3, Assessment.MODIFIED, "bb"),
    ):
        assert note_assessment(spool.ledger, one)
        assert not note_assessment(spool.ledger, one)
    found = read_assessments(spool.ledger, scored.id)
    assert [one.assessment for one in found] == [Assessment.ACCEPTED, Assessment.MODIFIED]
    counted = agreement(read_jobs(spool))
    assert counted == {
        ("research 1.0", "aa"): {Assessment.ACCEPTED: 1},
        ("research 1.0", "bb"): {Assessment.MODIFIED: 1},
    }
    with spool.ledger.writing() as connection:
        job_rows.remove(connection, [scored.id], [JobState.DONE])
    assert newest_assessments(spool.ledger) == ()


def test_the_table_has_a_row_for_each_case_and_no_identifiers(spool, cases):
    """A score with all its digits, a refusal with its reason; study and times only where they are asked for."""
    scored, refused = cases
    note_assessment(spool.ledger, said(scored, 1, Assessment.REJECTED))
    rows = {row["job"]: row for row in case_table(read_jobs(spool))}
    assert rows[scored.id]["score"] == 0.71
    assert rows[scored.id]["readers_rejected"] == 1
    assert rows[scored.id]["tumour_ml"] == 12.345
    assert (rows[refused.id]["reason"], rows[refused.id]["score"]) == ("tumour_too_small", None)
    assert "1.2.3" not in str(rows)
    assert not re.search(r"\d{4}-\d\d-\d\d", str(rows))
    with_identifiers = case_table(read_jobs(spool), identifiers=True)
    assert {row["study_uid"] for row in with_identifiers} == {"1.2.3"}


def test_csv_reads_back_as_written(spool, cases):
    """Numbers keep all digits; what is absent is an empty cell."""
    rows = case_table(read_jobs(spool))
    text = io.StringIO(newline="")
    write_csv(text, rows)
    read = list(csv.DictReader(io.StringIO(text.getvalue())))
    assert [row["score"] for row in read] == ["" if row["score"] is None else "0.71" for row in rows]
    assert list(read[0]) == list(rows[0])
