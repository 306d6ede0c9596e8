"""Searching for cases: every condition by itself, all of them together, and the command."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner
from sqlalchemy import update

from deploy.cli import radtme
from deploy.operations.case_filter import CaseFilter
from deploy.operations.case_search import found_cases
from listener.spool.job_rows import jobs as rows
from listener.spool.jobs import JobState
from support.spool_jobs import REJECTED, SCORED, delivery

FAILURE = {"reason": "worker_killed", "message": "3 workers died", "at": "2026-01-02T03:04:05+00:00"}
NOW = datetime.now(UTC)


@pytest.fixture
def cases(spool, put_job):
    """Return the ids of jobs of several kinds, by what they are."""
    jobs = {
        "waiting": put_job("1.1", JobState.WAITING),
        "sending": put_job("1.2", JobState.DELIVERING, result=SCORED, delivery__pacs=delivery("pacs", "retry")),
        "done": put_job("1.3", JobState.DONE, result=SCORED, delivery__pacs=delivery("pacs", "delivered")),
        "small": put_job("1.4", JobState.DONE, result=REJECTED),
        "killed": put_job("1.5", JobState.FAILED, failure=FAILURE, changes={"study_uid": "1.9"}),
    }
    long_ago = update(rows).where(rows.c.job_id == jobs["waiting"].id).values(changed=NOW - timedelta(days=3))
    with spool.ledger.writing() as connection:
        connection.execute(long_ago)
    return {job.id: name for name, job in jobs.items()}


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({}, {"waiting", "sending", "done", "small", "killed"}),
        ({"since": NOW - timedelta(days=1)}, {"sending", "done", "small", "killed"}),
        ({"states": (JobState.DONE, JobState.FAILED)}, {"done", "small", "killed"}),
        ({"reason": "tumour_too_small"}, {"small"}),
        ({"reason": "worker_killed"}, {"killed"}),
        ({"target": "pacs"}, {"sending"}),
        ({"score": (0.7, 0.72)}, {"sending", "done"}),
        ({"score": (0.0, 0.7)}, set()),
        ({"score": (0.0, 1.0), "states": (JobState.DONE,)}, {"done"}),
    ],
)
def test_each_condition_leaves_what_fits(spool, cases, wanted, found):
    """What is not asked for does not matter; several conditions hold together."""
    assert {cases[job.job_id] for job in found_cases(spool, CaseFilter(**wanted))} == found


def test_the_command_shows_what_fits(spool, cases, tmp_path):
    """As text and as JSON, also within a study; a word that cannot be understood is exit code 2."""
    file = tmp_path / "radtme.yaml"
    file.write_text(f"data: {spool.root.parent}\n")

    def run(*words):
        return CliRunner().invoke(radtme, ["status", *words, "--config", str(file)])

    done = run("--state", "done", "--state", "failed", "--json")
    assert {cases[job["job_id"]] for job in json.loads(done.stdout)["jobs"]} == {"done", "small", "killed"}
    assert "worker_killed" in run("--since", "1d", "--reason", "worker_killed").stdout
    assert "no case matches" in run("--score", "0.9-1").stderr
    assert json.loads(run("1.9", "--state", "done", "--json").stdout) == {"jobs": []}
    table = CliRunner().invoke(radtme, ["export", "--state", "failed", "--config", str(file)])
    assert [row["job"] for row in csv.DictReader(io.StringIO(table.stdout))] == [
        job_id for job_id, name in cases.items() if name == "killed"
    ]
    for words in (
        ("--score", "2"),
        ("--score", "a-b"),
        ("--state", "lost"),
        ("--since", "soon"),
        ("x", "--state", "done"),
    ):
        assert run(*words).exit_code == 2, words
