"""`radtme hold`, `release` and `drop`: what a person decides stands until a person decides otherwise."""

from datetime import UTC, datetime, timedelta

import pytest

from deploy.errors import CommandError
from deploy.operations.decisions import drop, hold, release
from deploy.operations.retry import retry
from deploy.operations.status import read_status
from listener.audit.reader import read_entries
from listener.broker.messages import delivery_announcement, score_announcement
from listener.broker.sweep import Sweep
from listener.metrics.collectors import SpoolCollector
from listener.pairing.pairer import Pairer
from listener.settings import ListenerSettings
from listener.spool.jobs import JobState, job_id_for
from listener.spool.locks import exclusive
from support.outboxes import delivering, entry_of
from support.records import facts_of
from support.spool_jobs import SCORED, delivery
from workers.delivery.deliver import deliver
from workers.jobs import attempts as ledger
from workers.settings import WorkerSettings
from workers.targets.target import Target

FAILURE = {"reason": "worker_killed", "message": "3 workers died", "at": "2026-01-02T03:04:05+00:00", "attempts": 3}
LATER = datetime(2099, 1, 1, tzinfo=UTC)


@pytest.fixture
def announced(spool):
    """Return a function that sweeps the spool once, and returns what was announced."""

    def sweep():
        announcements = []
        sweeper = Sweep(spool, announcements.append, dict, every_seconds=1, reannounce_seconds=60)
        for moment in (0.0, 10.0, 20.0):
            sweeper.scan(moment, LATER)
        return announcements

    return sweep


def test_held_jobs_are_counted_where_they_are(spool, put_job):
    """`radtme_jobs_held` by state, from the spool at each scrape; released and dropped ones are not held."""

    def held():
        families = SpoolCollector(spool).collect()
        samples = [one for family in families if family.name == "radtme_jobs_held" for one in family.samples]
        return {sample.labels["state"]: sample.value for sample in samples}

    none = {"waiting": 0, "ready": 0, "running": 0, "delivering": 0}
    waiting, ready, other = (
        put_job(uid, state)
        for uid, state in (("1.1", JobState.WAITING), ("1.2", JobState.READY), ("1.3", JobState.READY))
    )
    assert held() == none
    for job in (waiting, ready, other):
        hold(spool, job, "someone", "")
    assert held() == {**none, "waiting": 1, "ready": 2}
    release(spool, ready)
    drop(spool, other, "someone", "")
    assert held() == {**none, "waiting": 1}


def test_a_held_job_is_rung_for_by_nobody(spool, put_job, announced):
    """Neither what is ready, nor what its worker left, nor what is to be sent; all of it once it is released."""
    jobs = [
        put_job("1.1", JobState.READY),
        put_job("1.2", JobState.RUNNING),
        put_job("1.3", JobState.DELIVERING, result=SCORED, delivery__pacs=delivery("pacs", "queued", roles=[])),
    ]
    for job in jobs:
        hold(spool, job, "ann", "")
    assert announced() == []
    assert release(spool, jobs[0]).announcements == (score_announcement(jobs[0].id),)
    assert release(spool, jobs[1]).announcements == ()
    assert release(spool, jobs[2]).announcements == (delivery_announcement(jobs[2].id, "pacs"),)
    assert set(announced()) == {
        score_announcement(jobs[0].id),
        score_announcement(jobs[1].id),
        delivery_announcement(jobs[2].id, "pacs"),
    }


def test_a_bell_that_was_rung_before_the_hold_does_nothing(spool, put_job):
    """The message lies in Redis already: the worker that takes it looks at the job, not at the message."""
    ready = put_job("1.1", JobState.READY)
    hold(spool, ready, "ann", "")
    with ledger.claimed(spool, ready.id) as job:
        assert job is None
    assert spool.find_job(ready.id).state is JobState.READY
    sent = delivering(spool, "pacs")
    hold(spool, sent, "ann", "")
    target = Target("pacs", "PACS", "127.0.0.1", 1)
    settings = WorkerSettings(spool=spool.root, model_store=spool.root, targets=(target,))
    later = datetime.now(UTC) + timedelta(minutes=1)
    assert deliver(spool, sent.id, target, settings, lambda: later) is None
    assert entry_of(spool, sent).tries == 0
    release(spool, sent)
    assert deliver(spool, sent.id, target, settings, lambda: later) is not None
    assert entry_of(spool, sent).tries == 1


def test_a_waiting_job_that_is_held_is_not_closed(spool, put_job, put_instances):
    """Its images are complete and its deadline has passed, but it stays; it continues after its release."""
    put_instances(4)
    job = put_job("1.1", JobState.WAITING)
    settings = ListenerSettings(spool=spool.root, settle_seconds=0.0, deadline_seconds=0.0)
    announced = []
    pairer = Pairer(spool, settings, announced.append)
    hold(spool, job, "ann", "")
    pairer.scan()
    assert (spool.find_job(job.id).state, announced) == (JobState.WAITING, [])
    release(spool, job)
    pairer.scan()
    assert (spool.find_job(job.id).state, announced) == (JobState.READY, [job.id])


@pytest.mark.parametrize("state", [JobState.DONE, JobState.FAILED, JobState.DROPPED])
def test_what_is_over_cannot_be_held(spool, put_job, state):
    """A hold would have no effect."""
    job = put_job("1.1", state)
    with pytest.raises(CommandError, match="nothing to hold"):
        hold(spool, job, "ann", "")
    assert not spool.find_job(job.id).is_held
    with pytest.raises(CommandError, match="not held"):
        release(spool, job)


def test_a_hold_moves_along_with_its_job(spool, put_job):
    """The worker that scores it meanwhile finishes, and nothing is sent."""
    job = put_job("1.1", JobState.RUNNING)
    hold(spool, job, "ann", "")
    moved = spool.move(job, JobState.DELIVERING, **facts_of(JobState.DELIVERING))
    assert moved.is_held
    with pytest.raises(CommandError, match="held"):
        retry(spool, moved)


@pytest.mark.parametrize(
    ("state", "files", "again"),
    [
        (JobState.WAITING, {}, JobState.WAITING),
        (JobState.READY, {}, JobState.READY),
        (JobState.RUNNING, {}, JobState.READY),
        (JobState.FAILED, {"failure": FAILURE}, JobState.READY),
        (
            JobState.DELIVERING,
            {"result": SCORED, "delivery__pacs": delivery("pacs", "retry", roles=["summary_report"])},
            JobState.DELIVERING,
        ),
    ],
)
def test_a_dropped_job_rests_until_it_is_taken_up_again(spool, put_job, announced, state, files, again):
    """It is neither announced nor claimed; who dropped it, when and why is kept; `retry` continues it where it was."""
    job = put_job("1.1", state, **files)
    hold(spool, job, "ann", "") if state is not JobState.FAILED else None
    drop(spool, job, "ann", "test study")
    dropped = spool.find_job(job.id)
    assert (dropped.state, dropped.drop.by, dropped.drop.why) == (JobState.DROPPED, "ann", "test study")
    assert announced() == []
    (shown,) = read_status(spool).jobs
    assert shown.says == "dropped by ann: test study"
    assert "dropped" in shown.times
    retry(spool, dropped)
    back = spool.find_job(job.id)
    assert back.state is again
    assert (back.drop, back.hold, back.failure) == (None, None, None)


def test_a_late_image_does_not_bring_a_dropped_case_back(spool, put_job, put_instances):
    """It was given up by a person: a new version would score and send it after all."""
    job = put_job("1.1", JobState.DELIVERING)
    settings = ListenerSettings(spool=spool.root, settle_seconds=0.0)
    announced = []
    pairer = Pairer(spool, settings, announced.append)

    def image_comes(number):
        put_instances(number)
        pairer.image_kept(job.record.study_uid)
        pairer.scan()

    hold(spool, job, "ann", "")
    image_comes(4)
    assert announced == []
    release(spool, job)
    drop(spool, job, "ann", "x")
    image_comes(5)
    assert announced == []
    retry(spool, spool.find_job(job.id))
    image_comes(6)
    assert announced == [job_id_for("1.1", 2)]


def test_what_someone_works_on_is_not_dropped(spool, put_job, monkeypatch):
    """Its worker would write into a folder that it holds no more."""
    monkeypatch.setattr("deploy.operations.retry.LOCK_SECONDS", 0.1)
    job = put_job("1.1", JobState.RUNNING)
    with exclusive(job.folder) as mine:
        assert mine
        with pytest.raises(CommandError, match="someone works on it"):
            drop(spool, job, "ann", "x")
    assert spool.find_job(job.id).state is JobState.RUNNING


def test_the_commands_tell_the_audit_trail_who_and_why(spool, put_job, run_radtme, tmp_path):
    """Each decision is a message with the person, the study and the reason; it is refused where none can be written."""
    job = put_job("1.1", JobState.READY)
    assert run_radtme("hold", job.id, "--why", "outline is being corrected", SUDO_USER="ann").returncode == 0
    shown = run_radtme("status").stdout
    assert "ready, held" in shown
    assert "held by ann while ready: outline is being corrected" in shown
    assert run_radtme("release", job.id, SUDO_USER="ann").returncode == 0
    assert run_radtme("drop", job.id).returncode == 2
    assert run_radtme("drop", job.id, "--why", "test study", SUDO_USER="ben").returncode == 0
    assert "dropped by ben: test study" in run_radtme("status", "1.2.3").stdout
    assert run_radtme("drop", job.id, "--why", "again", SUDO_USER="ben").returncode == 1
    assert run_radtme("retry", job.id, SUDO_USER="ann").returncode == 0
    told = list(read_entries(tmp_path / "audit", lambda entry: True, lambda place: None))
    assert [(entry.kinds[0], entry.outcome, entry.who[0].partition("@")[0]) for entry in told] == [
        ("Case held", "ok", "ann"),
        ("Case released", "ok", "ann"),
        ("Case dropped", "ok", "ben"),
        ("Case dropped", "ok", "ben"),
        ("Case dropped", "refused", "ben"),
        ("Case tried again", "ok", "ann"),
    ]
    assert "test study" in told[2].description
    assert told[2].studies == ("1.2.3",)
    (tmp_path / "audit").rename(tmp_path / "away")
    (tmp_path / "audit").write_text("")
    assert run_radtme("drop", job.id, "--why", "x").returncode == 1
    assert spool.find_job(job.id).state is JobState.READY
