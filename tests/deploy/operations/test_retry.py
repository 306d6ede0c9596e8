"""`radtme retry`: one change in the spool, or a clear word why not."""

from datetime import UTC, datetime

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from deploy.cli import radtme
from deploy.errors import CommandError
from deploy.operations.retry import retry
from deploy.operations.retry_choice import Choice, chosen_jobs
from listener.broker.messages import delivery_announcement, score_announcement
from listener.ledger.deliveries import DeliveryState
from listener.spool.job_rows import jobs
from listener.spool.jobs import JobState, job_id_for
from listener.spool.locks import exclusive
from support.outboxes import entry_of
from support.spool_jobs import REJECTED, SCORED
from workers.delivery.record import DeliveryRecord

FAILURE = {"reason": "worker_killed", "message": "3 workers died", "at": "2026-01-02T03:04:05+00:00", "attempts": 3}
FAR = "2099-01-01T00:00:00.000+00:00"


def delivery(target: str, state: str) -> dict[str, object]:
    """Return a delivery record whose next attempt is long ahead."""
    return {
        "target": target,
        "roles": ["summary_report"],
        "state": state,
        "tries": 7,
        "taken": {},
        "next_try": None if state in ("refused", "delivered") else FAR,
        "last_error": "x",
    }


def is_due(record: DeliveryRecord) -> bool:
    """Tell whether a worker would send it now."""
    return record.state is DeliveryState.QUEUED and record.next_try <= datetime.now(UTC)


def test_a_failed_job_without_results_is_ready_again(spool, put_job):
    """Its attempts are forgotten: else the next worker would give up at once."""
    job = put_job("1.1", JobState.FAILED, failure=FAILURE, attempts={"began": [FAR] * 3})
    done = retry(spool, job)
    again = spool.find_job(job.id)
    assert again.state is JobState.READY
    assert done.announcements == (score_announcement(job.id),)
    assert (again.failure, again.attempts.began) == (None, ())


def test_a_failed_job_with_results_is_sent_again(spool, put_job):
    """A PACS that refused gets the same objects again; one that took them does not."""
    job = put_job(
        "1.1",
        JobState.FAILED,
        failure=FAILURE,
        result=SCORED,
        delivery__pacs=delivery("pacs", "refused"),
        delivery__archive=delivery("archive", "delivered"),
    )
    done = retry(spool, job)
    again = spool.find_job(job.id)
    assert again.state is JobState.DELIVERING
    assert is_due(entry_of(spool, again))
    assert entry_of(spool, again, "archive").state is DeliveryState.DELIVERED
    assert done.announcements == (delivery_announcement(job.id, "pacs"),)


def test_a_case_that_was_not_scored_keeps_its_reason_when_it_is_sent_again(spool, put_job):
    """It is found by it, as before its target refused the report; one that is scored again has none of a result."""
    refused = FAILURE | {"reason": "delivery_refused"}
    put_job("1.1", JobState.FAILED, failure=refused, result=REJECTED, delivery__pacs=delivery("pacs", "refused"))
    put_job("1.2", JobState.FAILED, failure=FAILURE, result=REJECTED)
    for job in list(spool.jobs()):
        retry(spool, job)
    query = select(jobs.c.state, jobs.c.outcome, jobs.c.reason).order_by(jobs.c.seg_sop_instance_uid)
    with spool.ledger.reading() as connection:
        sent, scored = connection.execute(query).all()
    assert sent == (JobState.DELIVERING, "not_scored", "tumour_too_small")
    assert scored == (JobState.READY, None, None)


def test_a_delivery_is_due_now(spool, put_job):
    """The PACS is back: the delivery does not wait for the rest of the half hour."""
    job = put_job("1.1", JobState.DELIVERING, result=SCORED, delivery__pacs=delivery("pacs", "retry"))
    assert retry(spool, job).announcements == (delivery_announcement(job.id, "pacs"),)
    assert is_due(entry_of(spool, job))
    assert spool.find_job(job.id).state is JobState.DELIVERING


def test_a_job_whose_worker_died_before_it_was_closed_is_closed(spool, put_job):
    """Every target has its results: one more visit of a worker moves the job on."""
    job = put_job("1.1", JobState.DELIVERING, result=SCORED, delivery__pacs=delivery("pacs", "delivered"))
    assert retry(spool, job).announcements == (delivery_announcement(job.id, "pacs"),)
    assert entry_of(spool, job).state is DeliveryState.DELIVERED


def test_a_job_that_was_not_scored_gets_a_new_version(spool, put_job, put_instances):
    """The old report is unchanged; the new one names it as replaced and measures the images received since."""
    put_instances(4)
    job = put_job("1.1", JobState.DONE, result=REJECTED)
    retry(spool, job)
    new = spool.find_job(job_id_for("1.1", 2))
    content = new.record
    assert new.state is JobState.READY
    assert (content.version, content.replaces, content.job_id) == (2, job.id, new.id)
    assert [len(uids) for uids in content.instances.values()] == [4]
    assert spool.find_job(job.id).state is JobState.DONE
    with pytest.raises(CommandError, match="has a later version already"):
        retry(spool, job)


def test_images_that_are_still_missing_cannot_be_retried_into_being(spool, put_job, put_instances):
    """Scoring again would only close the job again: it says what to send instead."""
    put_instances(3)
    job = put_job("1.1", JobState.DONE, result=REJECTED)
    with pytest.raises(CommandError, match="1 of 4 instances missing"):
        retry(spool, job)
    assert spool.find_job(job_id_for("1.1", 2)) is None


@pytest.mark.parametrize("state", [JobState.WAITING, JobState.READY, JobState.RUNNING])
def test_a_job_on_its_way_is_left_alone(spool, put_job, state):
    """What is being tried already cannot be hurried."""
    job = put_job("1.1", state)
    with pytest.raises(CommandError):
        retry(spool, job)
    assert spool.find_job(job.id).state is state


def test_a_scored_job_is_left_alone(spool, put_job):
    """A result that exists is not made twice."""
    with pytest.raises(CommandError, match="was scored"):
        retry(spool, put_job("1.1", JobState.DONE, result=SCORED))


def test_a_delivery_that_runs_right_now_is_not_disturbed(spool, put_job, monkeypatch):
    """Two writers of one record would lose what the PACS has just taken."""
    monkeypatch.setattr("deploy.operations.retry.LOCK_SECONDS", 0.1)
    job = put_job("1.1", JobState.DELIVERING, delivery__pacs=delivery("pacs", "retry"))
    with exclusive(job.folder, "deliver-pacs.lock") as mine:
        assert mine
        with pytest.raises(CommandError, match="someone works on it"):
            retry(spool, job)
    assert entry_of(spool, job).next_try == datetime.fromisoformat(FAR)


def test_the_command_works_without_redis(spool, put_job, run_radtme):
    """Without Redis the change is made in the spool, and a remark says when the job continues."""
    job = put_job("1.1", JobState.FAILED, failure=FAILURE)
    run = run_radtme("retry", job.id)
    assert run.returncode == 0
    assert "ready to be scored again" in run.stdout
    assert "Redis is not running" in run.stderr
    assert run_radtme("retry", "nonsense").returncode == 2
    assert run_radtme("retry", job_id_for("9.9", 1)).returncode == 1


def test_several_jobs_are_chosen_by_what_they_have_in_common(spool, put_job):
    """Failed ones, those that a target lacks, those that ended for a reason; none that a person holds."""
    hold = {"by": "ann", "why": "", "at": "2026-01-02T03:04:05+00:00"}
    killed = put_job("1.1", JobState.FAILED, failure=FAILURE)
    refused_failure = FAILURE | {"reason": "delivery_refused"}
    refused = put_job(
        "1.2", JobState.FAILED, failure=refused_failure, result=SCORED, delivery__pacs=delivery("pacs", "refused")
    )
    waiting = put_job("1.3", JobState.DELIVERING, result=SCORED, delivery__pacs=delivery("pacs", "retry"))
    put_job("1.4", JobState.DELIVERING, result=SCORED, delivery__archive=delivery("archive", "retry"))
    put_job("1.5", JobState.DELIVERING, result=SCORED, hold=hold, delivery__pacs=delivery("pacs", "retry"))
    small = put_job("1.6", JobState.DONE, result=REJECTED)
    put_job("1.7", JobState.DONE, result=SCORED, delivery__pacs=delivery("pacs", "delivered"))

    def chosen(**what):
        return {job.id for job in chosen_jobs(spool, Choice(**what))}

    assert chosen(failed=True) == {killed.id, refused.id}
    assert chosen(target="pacs") == {refused.id, waiting.id}
    assert chosen(reason="worker_killed") == {killed.id}
    assert chosen(reason="tumour_too_small") == {small.id}
    assert chosen(failed=True, target="pacs") == {refused.id}


def test_the_command_says_how_many_were_tried_again(spool, put_job, tmp_path):
    """If one job cannot be retried, the others are, and the exit code is 1."""
    put_job("1.1", JobState.FAILED, failure=FAILURE)
    put_job("1.6", JobState.DONE, result=REJECTED)
    file = tmp_path / "radtme.yaml"
    file.write_text(f"data: {spool.root.parent}\n")
    done = CliRunner().invoke(radtme, ["retry", "--failed", "--config", str(file)])
    assert "1 of 1 jobs are tried again" in done.stdout
    assert done.exit_code == 0
    done = CliRunner().invoke(radtme, ["retry", "--reason", "tumour_too_small", "--config", str(file)])
    assert "0 of 1 jobs are tried again" in done.stdout
    assert "not retried: " in done.stderr
    assert done.exit_code == 1
    for words in ([], [job_id_for("1.1", 1), "--failed"]):
        assert CliRunner().invoke(radtme, ["retry", *words, "--config", str(file)]).exit_code == 2


def test_a_word_that_no_job_can_fit_is_refused(spool, put_job, tmp_path):
    """A typing error must not read as "nothing to do"; a known word that fits no job says so."""
    put_job("1.1", JobState.DELIVERING, result=SCORED, delivery__former=delivery("former", "retry"))
    file = tmp_path / "radtme.yaml"
    file.write_text("data: .\ntargets: [{name: pacs, ae_title: PACS, host: 127.0.0.1, port: 104}]\n")
    for command in ("retry", "status"):
        for option, wrong, words in (
            ("--target", "pasc", "known targets: pacs"),
            ("--reason", "nonsense", "tumour_too_small"),
        ):
            done = CliRunner().invoke(radtme, [command, option, wrong, "--config", str(file)])
            assert done.exit_code == 2, done.output
            assert repr(wrong) in done.stderr
            assert words in done.stderr
        for option, known in (("--target", "pacs"), ("--reason", "tumour_too_small")):
            done = CliRunner().invoke(radtme, [command, option, known, "--config", str(file)])
            assert done.exit_code == 0, done.output
            assert " matches" in done.stderr
            assert "0 of 0" not in done.output
    done = CliRunner().invoke(radtme, ["retry", "--target", "former", "--config", str(file)])
    assert "1 of 1 jobs are tried again" in done.stdout
