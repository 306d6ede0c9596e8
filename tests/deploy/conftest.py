"""Hand-made spools, and the command as a process."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from listener.ledger.quarantine import QuarantineReason
from listener.pairing.study_notes import StudyNotes
from listener.spool.atomic_files import write_json
from listener.spool.job_record import SegmentationReference
from listener.spool.job_rows import NOTES
from listener.spool.jobs import Job, JobState, job_id_for
from listener.spool.record_file import record_of
from listener.spool.spool import Spool
from support.records import facts_of, job_record
from support.spool_jobs import REJECTED, SCORED, delivery, in_minutes, outcome_facts
from workers.delivery.outbox import write_delivery
from workers.delivery.record import DeliveryRecord

STUDY, SERIES, SEG_SERIES = "1.2.3", "1.2.3.1", "1.2.3.2"


def ago(seconds: float) -> str:
    """Return the time that many seconds ago, as the spool writes it."""
    return (datetime.now(UTC) - timedelta(seconds=seconds)).isoformat(timespec="milliseconds")


@pytest.fixture
def spool(tmp_path: Path, ledger_url: str | None, monkeypatch: pytest.MonkeyPatch) -> Spool:
    """Return an empty spool where a configuration with ``data: tmp_path`` looks for it, and for its ledger."""
    if ledger_url is not None:
        monkeypatch.setenv("RADTME_LEDGER_URL", ledger_url.replace("+psycopg", ""))
    made = Spool(tmp_path / "spool", ledger_url)
    made.prepare()
    return made


def note_studies(spool: Spool) -> None:
    """Note all studies in the ledger, as a listener does when it starts."""
    studies = sorted(os.listdir(spool.studies))
    StudyNotes(spool).note(studies)


@pytest.fixture
def put_instances(spool: Spool) -> Callable[[int], None]:
    """Return a function that lays the first ``count`` instances of the series into the spool."""

    def put(count: int) -> None:
        folder = spool.series_folder(STUDY, SERIES)
        folder.mkdir(parents=True, exist_ok=True)
        for number in range(count):
            (folder / f"{SERIES}.{number}.dcm").write_bytes(b"")
        note_studies(spool)

    return put


@pytest.fixture
def put_job(spool: Spool) -> Callable[..., Job]:
    """Return a function that makes a job in a state, with the notes, deliveries and files that it would have there.

    ``changes`` are those of its record.
    """

    def put(
        seg_uid: str,
        state: JobState,
        *,
        required: int = 4,
        changes: dict[str, Any] | None = None,
        **files: dict[str, Any],
    ) -> Job:
        record = job_record(
            job_id_for(seg_uid, 1),
            study_uid=STUDY,
            seg=SegmentationReference(SEG_SERIES, seg_uid),
            required={SERIES: tuple(f"{SERIES}.{number}" for number in range(required))},
            instances=None,
            created=datetime.now(UTC) - timedelta(seconds=720),
            readied=None if state is JobState.WAITING else datetime.now(UTC) - timedelta(seconds=600),
        )
        notes = {name: record_of(NOTES[name], files.pop(name), name) for name in NOTES.keys() & files.keys()}
        facts = facts_of(state) | (outcome_facts(files["result"]) if "result" in files else {}) | notes
        if "failure" in notes:
            facts["reason"] = notes["failure"].reason
        job = spool.create_job(replace(record, **(changes or {})), state, **facts)
        assert job is not None
        for name, value in files.items():
            if name.startswith("delivery__"):
                write_delivery(spool.ledger, job.id, record_of(DeliveryRecord, value, name))
            else:
                write_json(job.folder / f"{name}.json", value)
        note_studies(spool)
        return job

    return put


@pytest.fixture
def full_spool(spool: Spool, put_instances: Callable[[int], None], put_job: Callable[..., Job]) -> Spool:
    """One job in each state, and something in quarantine."""
    put_instances(3)
    put_job("1.1", JobState.WAITING, required=5)
    put_job("1.2", JobState.READY)
    put_job("1.3", JobState.RUNNING, attempts={"began": ["2026-01-02T03:04:05.000+00:00"] * 2})
    put_job(
        "1.4",
        JobState.DELIVERING,
        result=SCORED,
        delivery__pacs=delivery("pacs", "retry", next_try=in_minutes(12.2), last_error="PACS@h:1 cannot be reached"),
        delivery__archive=delivery("archive", "delivered", taken={"summary_report": {"sop_instance_uid": "1.2.9"}}),
    )
    put_job("1.5", JobState.DONE, result=REJECTED)
    put_job(
        "1.6",
        JobState.FAILED,
        failure={"reason": "worker_killed", "message": "3 workers died", "at": "2026-01-02T03:04:05+00:00"},
    )
    put_job(
        "1.7",
        JobState.DROPPED,
        dropped={"by": "ann", "why": "test study", "at": "2026-01-02T03:04:05+00:00", "state": "ready"},
    )
    part = spool.receiving / "a.part"
    part.write_bytes(b"x")
    spool.put_in_quarantine(part, "1.2.3.4", QuarantineReason(reason="cannot_understand", message="other bytes"))
    return spool


@pytest.fixture
def run_radtme(tmp_path: Path, ledger_url: str | None) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Return a function that runs the command in ``tmp_path``: the data are there, the ledger is as asked for."""
    (tmp_path / "radtme.yaml").write_text("data: .\n")
    ledger = {"RADTME_LEDGER_URL": ledger_url.replace("+psycopg", "")} if ledger_url else {}

    def run(*arguments: str, prefix: Sequence[str] = (), **environment: str) -> subprocess.CompletedProcess[str]:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("RADTME_")}
        return subprocess.run(
            [*prefix, sys.executable, "-P", "-m", "deploy", *arguments],
            cwd=tmp_path,
            env={**clean, "COLUMNS": "120", **ledger, **environment},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    return run


def as_json(run: subprocess.CompletedProcess[str]) -> Any:
    """Return what a command printed as JSON."""
    return json.loads(run.stdout)
