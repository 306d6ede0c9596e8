"""``radtme retry``, ``hold``, ``release`` and ``drop``: decisions of an operator about a job."""

from collections.abc import Sequence
from pathlib import Path

import click

from deploy.commands.case_options import require_known
from deploy.commands.options import config_option
from deploy.configuration.load import read_configuration
from deploy.configuration.settings import Configuration
from deploy.errors import CommandError, ExitCode, WrongUsage
from deploy.operations.spool_checks import existing_spool
from deploy.stack.running_stack import as_running, read_running_stack
from deploy.terminal import path_from_here
from listener.audit.codes import CASE_DROPPED, CASE_HELD, CASE_RELEASED, CASE_RETRIED
from listener.audit.events import acting_user
from listener.broker.messages import Announcement
from listener.spool.jobs import Job
from listener.spool.spool import Spool


@click.command(epilog="Example: radtme retry 0123456789abcdef-v1; radtme retry --failed; radtme retry --target pacs")
@click.argument("job_id", metavar="[JOB]", required=False)
@click.option(
    "--corrected",
    is_flag=True,
    help="Take the corrected headers (same UIDs, same pixels) of its study from quarantine, then score it again.",
)
@click.option("--failed", is_flag=True, help="All failed jobs.")
@click.option("--target", metavar="NAME", help="All jobs whose results this target does not have yet.")
@click.option("--reason", metavar="CODE", help="All jobs that failed or were not scored for this reason.")
@config_option
def retry(
    job_id: str | None,
    corrected: bool,
    failed: bool,
    target: str | None,
    reason: str | None,
    config_file: Path | None,
) -> None:
    """Try JOB again: a failed job is scored or sent again, a job that is being delivered is sent now.

    A dropped job is resumed. A job that was not scored is scored again, as a new version whose report replaces
    the old one. Without JOB, the options select the jobs; with several options, those that match all of them.
    """
    from deploy.operations.retry_choice import Choice, chosen_jobs

    choice = Choice(failed=failed, target=target, reason=reason)
    if (job_id is None) == choice.is_empty:
        raise WrongUsage("give either JOB, or at least one of --failed, --target and --reason", "radtme retry --help")
    if job_id is not None:
        configuration, spool, job = _found(job_id, config_file)
        _retry(configuration, spool, job, corrected=corrected)
        return
    if corrected:
        raise WrongUsage("--corrected needs JOB", "correct the headers of one study at a time")
    configuration = read_configuration(config_file)
    spool = existing_spool(configuration)
    left = 0
    jobs = chosen_jobs(spool, choice)
    if not jobs:
        require_known(configuration, target, reason)
        click.echo("no job matches", err=True)
        return
    for job in jobs:
        try:
            _retry(configuration, spool, job)
        except CommandError as error:
            left += 1
            click.echo(f"not retried: {error.message}", err=True)
    click.echo(f"{len(jobs) - left} of {len(jobs)} jobs are tried again")
    if left:
        raise click.exceptions.Exit(ExitCode.FAILED)


def _retry(configuration: Configuration, spool: Spool, job: Job, *, corrected: bool = False) -> None:
    from deploy.operations.decision_audit import steering

    if corrected:
        from deploy.operations.corrections import retry_corrected as try_again
    else:
        from deploy.operations.retry import retry as try_again

    was = f"was {job.state.value}" + (", headers corrected" if corrected else "")
    with steering(configuration, spool, job, CASE_RETRIED, was):
        done = try_again(spool, job)
    click.echo(done.message)
    _announce(configuration, done.announcements)


@click.command(epilog='Example: radtme hold 0123456789abcdef-v1 --why "outline is being corrected"')
@click.argument("job_id", metavar="JOB")
@click.option("--why", metavar="REASON", default="", help="Shown by radtme status and recorded in the audit trail.")
@config_option
def hold(job_id: str, why: str, config_file: Path | None) -> None:
    """Keep JOB from being scored or sent until radtme release.

    A worker finishes the step that it has begun: a job that is being scored is held before its results are sent. The
    deadline of a job that waits for images starts anew at its release.
    """
    from deploy.operations.decision_audit import steering
    from deploy.operations.decisions import hold as let_wait

    configuration, spool, job = _found(job_id, config_file)
    with steering(configuration, spool, job, CASE_HELD, why):
        click.echo(let_wait(spool, job, acting_user(), why))


@click.command(epilog="Example: radtme release 0123456789abcdef-v1")
@click.argument("job_id", metavar="JOB")
@config_option
def release(job_id: str, config_file: Path | None) -> None:
    """Release a held JOB: it continues where it was held."""
    from deploy.operations.decision_audit import steering
    from deploy.operations.decisions import release as release_job

    configuration, spool, job = _found(job_id, config_file)
    with steering(configuration, spool, job, CASE_RELEASED, ""):
        done = release_job(spool, job)
    click.echo(done.message)
    _announce(configuration, done.announcements)


@click.command(epilog='Example: radtme drop 0123456789abcdef-v1 --why "test study"')
@click.argument("job_id", metavar="JOB")
@click.option("--why", metavar="REASON", required=True, help="Shown by radtme status and recorded in the audit trail.")
@config_option
def drop(job_id: str, why: str, config_file: Path | None) -> None:
    """Give up JOB: nothing more is scored or sent. Objects that a target has stored stay there.

    The job stays in the spool, with who dropped it, when and why, until retention removes it. radtme retry resumes it.
    """
    from deploy.operations.decision_audit import steering
    from deploy.operations.decisions import drop as drop_job

    if not why.strip():
        raise click.BadParameter("say why: whoever looks for the case later will want to know", param_hint="--why")
    configuration, spool, job = _found(job_id, config_file)
    with steering(configuration, spool, job, CASE_DROPPED, why):
        click.echo(drop_job(spool, job, acting_user(), why))


def _found(job_id: str, config_file: Path | None) -> tuple[Configuration, Spool, Job]:
    configuration = read_configuration(config_file)
    spool = existing_spool(configuration)
    try:
        job = spool.find_job(job_id)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="JOB") from error
    if job is None:
        raise CommandError(f"there is no job {job_id} in {path_from_here(spool.root)}", "radtme status lists them")
    return configuration, spool, job


def _announce(configuration: Configuration, announcements: Sequence[Announcement]) -> None:
    if configuration.redis.is_external or read_running_stack(configuration) is not None:
        from listener.broker.announce_once import announce

        if announce(as_running(configuration).listener.redis_url, announcements):
            return
    click.echo("Redis is not running: the job continues when radtme is started", err=True)
