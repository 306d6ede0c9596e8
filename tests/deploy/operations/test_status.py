"""`radtme status`: every state of a job is read from the spool alone."""

import io
import json
import os
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.console import Console

from deploy.configuration.sections import StatusPageSettings
from deploy.operations.service_health import read_health
from deploy.operations.status import read_jobs, read_series, read_status
from deploy.operations.status_text import as_json, show_status, show_study
from deploy.status_page.overview import Pages
from listener.ledger.target_circuits import Circuit, CircuitState, change_circuit
from listener.pairing.study_notes import StudyNotes
from listener.runtime.heartbeat import Part
from listener.spool.jobs import JobState, job_id_for
from listener.spool.spool import Spool
from support.signs_of_life import signs_of_life
from support.spool_jobs import SCORED, delivery, in_minutes
from workers.targets.target import Target


def format_time(status_of, width: int) -> str:
    """Return what a terminal of this width shows."""
    console = Console(file=io.StringIO(), width=width)
    show_status(console, status_of, read_health(Spool(status_of.spool), 0, None), everything=False)
    return console.file.getvalue()


EXPECTED = [
    "1 study, 3 instances",
    "waiting: 2 of 5 instances missing",
    "12 min",
    "ready: waits for a worker",
    "running: attempt 2",
    "HOT, score 0.710 (threshold 0.500)",
    "pacs: retry, next try in 12 min, 2 so far: PACS@h:1 cannot be reached",
    "archive: delivered",
    "not scored: tumour_too_small: 63 voxels, the profile asks for 100",
    "failed: worker_killed: 3 workers died",
    "quarantine (1)",
    "cannot_understand: other bytes",
]


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_each_state_says_why_it_is_where_it_is_on_every_width(full_spool, width):
    """Wide and narrow terminals say the same, and no line is cut off."""
    shown = format_time(read_status(full_spool), width)
    joined = " ".join(shown.split())
    assert [one for one in EXPECTED if one.replace(" ", "") not in joined.replace(" ", "")] == []
    assert max(map(len, shown.splitlines())) <= width


def test_a_target_that_cannot_be_reached_stands_at_the_top(spool, put_job):
    """The person on call sees since when, why, and when it is asked again."""
    soon = datetime.now(UTC) + timedelta(minutes=3.2)
    since = datetime.now(UTC) - timedelta(hours=2, minutes=1)
    opened = Circuit(CircuitState.OPEN, 3, 4, soon, 300.0, since, "PACS@h:1 cannot be reached")
    change_circuit(spool.ledger, "pacs", lambda _: opened)
    shown = format_time(read_status(spool), 200)
    assert "target pacs: not reached for 2 h" in shown
    assert "tried again in 3 min: PACS@h:1 cannot be reached; radtme echo pacs says more" in shown


def test_what_waits_for_a_target_that_is_not_gone_to_says_when_that_is_asked(full_spool):
    """Not when its own next try would be due: nothing goes before the target answers. The status page says the same."""
    soon = datetime.now(UTC) + timedelta(minutes=3.2)
    opened = Circuit(CircuitState.OPEN, 3, 4, soon, 300.0, None, "PACS@h:1 cannot be reached")
    change_circuit(full_spool.ledger, "pacs", lambda _: opened)
    shown = format_time(read_status(full_spool), 200)
    assert "pacs: retry, its target asked again in 3 min: PACS@h:1 cannot be reached" in shown
    assert "next try" not in shown
    targets = (Target("pacs", "PACS", "h", 1),)
    pages = Pages(full_spool, full_spool.root / "none", targets, 0, StatusPageSettings())
    (line,) = (one for one in pages.overview().targets if one.name == "pacs")
    assert line.next_step == ("its target asked again", soon)


def test_a_delivery_says_what_it_waits_for(spool, put_job):
    """A commitment that is outstanding, and how much of it has come."""
    asked = (datetime.now(UTC) - timedelta(minutes=5, seconds=5)).isoformat()
    request = {"transaction_uid": "2.25.1", "requested": asked, "instances": ["1.2"]}
    taken = {"segmentation": {"sop_instance_uid": "1.1"}, "key_image": {"sop_instance_uid": "1.2"}}
    record = {"target": "pacs", "state": "commitment_requested", "tries": 1, "roles": list(taken), "taken": taken}
    put_job(
        "1.1",
        JobState.DELIVERING,
        result=SCORED,
        delivery__pacs={**record, "requests": [request], "committed": ["1.1"]},
    )
    assert "pacs: commitment requested 5 min ago, 1 of 2 committed" in format_time(read_status(spool), 200)


def test_a_job_that_was_given_back_says_why(spool, put_job):
    """A full disk shows where the person on call looks, not only in the log."""
    given_back = {"at": "2026-01-02T03:04:05.000+00:00", "why": "No space left on device"}
    put_job("1.9", JobState.READY, attempts={"began": [], "given_back": given_back})
    assert "ready: waits for a worker (given back: No space left on device" in format_time(read_status(spool), 200)


def test_rounding_never_contradicts_the_verdict(spool, put_job):
    """The same digits as in the report: as many as tell score and threshold apart."""
    near = {"hot_probability": 0.41226, "threshold": 0.4123, "phenotype": "cold"}
    put_job("1.4", JobState.DELIVERING, result=SCORED | {"score": near})
    assert "COLD, score 0.41226 (threshold 0.41230)" in format_time(read_status(spool), 200)


def test_an_uncertain_verdict_says_what_it_tends_to_and_why(spool, put_job):
    """The third verdict with score, range of redrawn outlines and reason; for scripts under fixed names."""
    score = {
        "hot_probability": 0.7,
        "threshold": 0.5,
        "phenotype": "uncertain",
        "tendency": "hot",
        "prediction_set": "hot or cold",
        "coverage": 0.9,
        "stability": {"low": 0.4, "high": 0.8, "redraws": 10, "drawn": 10},
        "doubts": ["outline", "calibration"],
    }
    put_job("1.4", JobState.DELIVERING, result=SCORED | {"score": score})
    assert (
        "UNCERTAIN, tends to hot, score 0.700 (threshold 0.500, redrawn outlines 0.400 to 0.800). "
        "Redrawn outlines give scores on both sides of the threshold. The scores of the training cases do not decide "
        "between the classes here" in format_time(read_status(spool), 320)
    )
    (job,) = as_json(read_status(spool))["jobs"]
    assert (job["phenotype"], job["tendency"], job["doubts"]) == ("uncertain", "hot", ["outline", "calibration"])
    assert job["stability"]["low"] == 0.4


def test_no_tendency_is_shown_for_images_that_may_be_from_before_contrast(spool, put_job):
    """Only the score, and why it decides nothing."""
    score = {"hot_probability": 0.9, "threshold": 0.5, "phenotype": "uncertain", "tendency": "hot"}
    put_job("1.4", JobState.DELIVERING, result=SCORED | {"score": score | {"doubts": ["contrast_phase"]}})
    assert "UNCERTAIN, score 0.900 (threshold 0.500). Nothing" in format_time(read_status(spool), 320)


def test_json_holds_everything_for_scripts(full_spool):
    """A script finds states, reasons, scores and due times under fixed names."""
    found = as_json(read_status(full_spool))
    jobs = {job["state"]: job for job in found["jobs"]}
    order = ["failed", "delivering", "ready", "waiting", "running", "done", "dropped"]
    assert [job["state"] for job in found["jobs"]] == order
    assert (jobs["waiting"]["missing_instances"], jobs["waiting"]["required_instances"]) == (2, 5)
    assert jobs["delivering"]["hot_probability"] == 0.71
    assert {one["target"]: one["state"] for one in jobs["delivering"]["deliveries"]} == {
        "archive": "delivered",
        "pacs": "retry",
    }
    assert jobs["done"]["reason"] == "tumour_too_small"
    assert jobs["failed"]["reason"] == "worker_killed"
    assert jobs["running"]["attempts"] == 2


def test_one_study_shows_its_series_and_all_times(full_spool):
    """For one study: its series, its jobs and all of their times."""
    console = Console(file=io.StringIO(), width=120)
    show_study(console, read_series(full_spool, "1.2.3"), read_jobs(full_spool, "1.2.3"), ())
    shown = console.file.getvalue()
    for expected in (
        "series 1.2.3.1  3 instances",
        "12.35 mL",
        "features 1.2 s",
        "2026-01-02T03:04:07",
        "research 1.0",
    ):
        assert expected in shown
    assert read_jobs(full_spool, "1.2.4") == ()


def test_damaged_files_of_one_job_do_not_hide_the_others(full_spool):
    """One broken JSON file is a line in the list, not the end of it."""
    done = next(full_spool.jobs(JobState.DONE))
    (done.folder / "result.json").write_text("{")
    jobs = read_status(full_spool).jobs
    assert len(jobs) == len(JobState)
    assert next(job for job in jobs if job.job_id == done.id).says.startswith("its result cannot be read")


def test_the_command_needs_nothing_but_the_spool(full_spool, run_radtme):
    """No Redis, no listener, no worker: status still answers, as text and as JSON."""
    assert "waiting: 2 of 5 instances missing" in run_radtme("status").stdout
    shown = run_radtme("status", "1.2.3", "--json")
    assert shown.returncode == 0
    assert '"series_uid": "1.2.3.1"' in shown.stdout


def test_the_command_says_what_is_not_there(spool, run_radtme, tmp_path: Path):
    """An unknown study is exit code 1, a malformed UID or a missing configuration 2; one or two lines, no traceback."""
    unknown = run_radtme("status", "9.9.9")
    assert (unknown.returncode, unknown.stdout) == (1, "")
    assert "no object of study 9.9.9" in unknown.stderr
    assert run_radtme("status", "not-a-uid").returncode == 2
    missing = run_radtme("status", "--config", "nowhere.yaml")
    assert missing.returncode == 2
    assert len(missing.stderr.splitlines()) == 2


def test_the_service_is_told_by_its_signs_of_life(spool):
    """Nothing, everything, and all but one part; a disk below the limit and a Redis that is gone come with them."""
    assert "Nothing is running: no object is received" in format_time(read_status(spool), 200)
    with signs_of_life(spool):
        shown = format_time(read_status(spool), 200)
        assert "listener is running, compute is running, delivery is running" in shown
        assert "Redis is not running (radtme up starts it), database" in shown
        health = read_health(spool, 1 << 62, "redis://:secret@127.0.0.1:1/0")
        full, redis = health.problems
    assert full.startswith("The disk is full: ")
    assert full.endswith("; run radtme retention, or give the disk more space.")
    assert "no Redis answers at 127.0.0.1:1; start it, or correct redis.url" in redis
    assert "secret" not in str(as_json(health))
    with signs_of_life(spool, Part.COMPUTE, Part.DELIVERY):
        (without,) = read_health(spool, 0, None).problems
        assert without == "No listener is running: no object is received. Start it: radtme listen, or its service."


def test_a_spool_that_cannot_be_written_is_said_and_what_to_do(spool, tmp_path, monkeypatch):
    """Read-only, no part can give a sign of life; without inodes all do, and nothing can be received."""
    status = os.statvfs(tmp_path)
    read_only = SimpleNamespace(**{name: getattr(status, name) for name in dir(status) if name.startswith("f_")})
    read_only.f_flag |= os.ST_RDONLY
    monkeypatch.setattr(os, "statvfs", lambda path: read_only)
    (said,) = read_health(spool, 0, None).problems
    assert said.startswith("The spool's file system is read-only: no object is received; mount it read-write")
    read_only.f_flag, read_only.f_favail, read_only.f_files = 0, 0, 1000
    assert not spool.is_writable()
    with signs_of_life(spool):
        (said,) = read_health(spool, 0, None).problems
    assert said.startswith("The disk has room for no more files (df -i)")


def test_what_needs_a_person_comes_first_and_what_is_over_last(full_spool):
    """Failed and held jobs and failing deliveries; then active jobs; then finished ones."""
    states = [job.state for job in read_status(full_spool).jobs]
    assert states[0] is JobState.FAILED
    assert states[-1] in (JobState.DONE, JobState.DROPPED)
    shown = format_time(read_status(full_spool), 80)
    assert shown.index("failed  ") < shown.index("waiting  ") < shown.index("done  ")


def test_ages_read_as_ages(spool, put_job):
    """What is over was so long ago; what is open has been so for so long."""
    put_job("1.1", JobState.DONE, result=SCORED)
    put_job("1.2", JobState.READY)
    shown = format_time(read_status(spool), 80)
    assert re.search(r"done +\S+ +\d+ \S+ ago\n", shown)
    assert re.search(r"ready +\S+ +for 10 min\n", shown)


def test_a_case_is_done_when_the_last_target_has_its_results(spool, put_job):
    """Not when it was scored; the newest first by that time, whichever was scored last."""

    def delivered(target: str, minutes: float) -> dict[str, object]:
        return delivery(target, "delivered", updated=in_minutes(-minutes))

    scored_early = put_job(
        "1.1",
        JobState.DONE,
        result=SCORED | {"finished": in_minutes(-600)},
        delivery__pacs=delivered("pacs", 20),
        delivery__archive=delivered("archive", 50),
    )
    scored_late = put_job(
        "1.2",
        JobState.DONE,
        result=SCORED | {"finished": in_minutes(-300)},
        delivery__pacs=delivered("pacs", 40),
    )
    without_target = put_job("1.3", JobState.DONE, result=SCORED | {"finished": in_minutes(-30)})
    shown = format_time(read_status(spool), 200)
    ages = re.findall(r"done +(\S+) +(\d+ min) ago", shown)
    assert ages == [(scored_early.id, "20 min"), (without_target.id, "30 min"), (scored_late.id, "40 min")]


def test_a_dropped_job_announces_no_next_try(spool, put_job):
    """Nothing more is sent: when a next attempt was due is of no interest."""
    drop = {"by": "ann", "why": "wrong patient", "at": datetime.now(UTC).isoformat(), "state": "delivering"}
    waiting = delivery("pacs", "retry", next_try=in_minutes(12), last_error="PACS@h:1 cannot be reached")
    put_job("1.1", JobState.DROPPED, result=SCORED, dropped=drop, delivery__pacs=waiting)
    shown = format_time(read_status(spool), 200)
    assert "pacs: nothing more is sent" in shown
    assert "next try" not in shown


def test_a_study_without_an_outline_is_named(spool, put_job):
    """Images came and no SEG: the UID tells whom to ask. A study with a job is not among them."""
    put_job("1.1", JobState.DONE, result=SCORED)
    folder = spool.studies / "1.2.840.77" / "1.2.840.77.1"
    folder.mkdir(parents=True)
    (folder / "1.2.840.77.1.1.dcm").write_bytes(b"")
    StudyNotes(spool).note(["1.2.840.77"])
    (found,) = read_status(spool).without_outline
    assert (found.study_uid, found.instances) == ("1.2.840.77", 1)
    assert "study 1.2.840.77  1 instance, last " in format_time(read_status(spool), 80)


def test_an_empty_folder_says_what_runs(run_radtme):
    """Also where nothing ever ran: the parts and Redis, then that there is no spool."""
    done = run_radtme("status")
    assert done.returncode == 1
    assert (
        "listener is not running, compute is not running, delivery is not running, Redis is not running" in done.stdout
    )
    assert "Nothing is running: no object is received" in done.stdout
    assert done.stderr.startswith("error: there is no spool at ")
    told = json.loads(run_radtme("status", "--json").stdout)["service"]
    assert [one["part"] for one in told["parts"]] == ["listener", "compute", "delivery"]
    away = run_radtme("status", RADTME_REDIS_URL="redis://127.0.0.1:1/0").stdout
    assert "no Redis answers at 127.0.0.1:1" in " ".join(away.split())


def test_older_finished_jobs_are_counted_and_not_read(spool, put_job):
    """Open and failed ones are all read, of the others only the newest; the list says how many there are."""
    for number in range(5):
        put_job(f"1.{number}", JobState.DONE, result=SCORED)
    open_jobs = {put_job("2.1", JobState.WAITING).id, put_job("2.2", JobState.FAILED).id}
    status = read_status(spool, 2)
    assert {job.job_id for job in status.jobs} == open_jobs | {job_id_for(f"1.{number}", 1) for number in (3, 4)}
    assert status.counts[JobState.DONE] == 5
    console = Console(file=io.StringIO(), width=120)
    show_status(console, status, read_health(spool, 0, None), everything=False)
    shown = " ".join(console.file.getvalue().split())
    assert "5 done" in shown
    assert "and 3 finished jobs that are older" in shown
