"""``radtme status``: the content of the spool."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from deploy.commands.case_options import case_options, require_known
from deploy.commands.options import config_option
from deploy.configuration.load import read_configuration
from deploy.configuration.settings import Configuration
from deploy.errors import CommandError
from deploy.operations.spool_checks import NoSpool, existing_spool
from deploy.stack.running_stack import known_redis_url
from deploy.terminal import output, path_from_here
from listener.dicom.uids import InvalidUid, checked_uid
from listener.ledger.self_test_recipients import SELF_TEST_TARGET

if TYPE_CHECKING:
    from deploy.operations.case_search import CaseFilter
    from deploy.operations.job_status import JobStatus


@click.command(epilog="Example: radtme status; radtme status --state failed --since 7d; radtme status STUDY_UID --json")
@click.argument("study_uid", metavar="[STUDY_UID]", required=False)
@case_options
@click.option("--json", "as_text", is_flag=True, help="For scripts: everything as one JSON document.")
@click.option("--all", "everything", is_flag=True, help="Also show older finished jobs.")
@config_option
def status(
    study_uid: str | None,
    wanted: "CaseFilter",
    as_text: bool,
    everything: bool,
    config_file: Path | None,
) -> None:
    """Show what was received, is waiting, was scored, sent or failed, and why.

    First which parts run and whether Redis answers, then the cases that need a person. With STUDY_UID: the series of
    one study, and its jobs with all times. Works even if all parts are down. Exit code 1 if nothing of the study was
    received. The options for cases choose those that all of them fit, and show nothing else.
    """
    from deploy.operations.service_health import read_health
    from deploy.operations.status import read_jobs, read_series, read_status
    from deploy.operations.status_text import MAX_FINISHED_SHOWN, as_json, show_health, show_status, show_study
    from listener.ledger.set_aside_outlines import read_set_aside

    configuration = read_configuration(config_file)
    if not wanted.is_empty:
        _show_cases(configuration, wanted, study_uid, as_text=as_text)
        return
    if study_uid is None:
        redis_url = known_redis_url(configuration)
        health = read_health(configuration.spool, configuration.listener.min_free_bytes, redis_url)
        service = as_json(health) | {"problems": health.problems}

        def show_service_alone() -> None:
            click.echo(json.dumps({"service": service}, indent=1)) if as_text else show_health(output(), health)

        try:
            spool = existing_spool(configuration)
        except NoSpool:
            show_service_alone()
            raise
        if health.ledger_fault:
            show_service_alone()
            raise CommandError("jobs and targets cannot be shown without the database", "radtme doctor says what to do")
        found = read_status(spool, None if everything or as_text else MAX_FINISHED_SHOWN)
        warn_of_unknown_targets(found.jobs, configuration)
        if as_text:
            click.echo(json.dumps(as_json(found) | {"service": service}, indent=1))
        else:
            show_status(output(), found, health, everything=everything)
        return
    spool = existing_spool(configuration)
    study = _checked(study_uid)
    series, jobs, outlines = read_series(spool, study), read_jobs(spool, study), read_set_aside(spool.ledger, study)
    warn_of_unknown_targets(jobs, configuration)
    if not series and not jobs:
        raise CommandError(
            f"no object of study {study} is in {path_from_here(spool.root)}", "radtme status lists the studies"
        )
    if as_text:
        found_here = {"study_uid": study, "series": series, "jobs": jobs, "set_aside": outlines}
        click.echo(json.dumps(as_json(found_here), indent=1))
    else:
        show_study(output(), series, jobs, outlines)


def _show_cases(configuration: Configuration, wanted: "CaseFilter", study_uid: str | None, *, as_text: bool) -> None:
    from deploy.operations.case_search import found_cases
    from deploy.operations.job_text import show_jobs
    from deploy.operations.status_text import as_json

    spool = existing_spool(configuration)
    found = found_cases(spool, wanted, None if study_uid is None else _checked(study_uid))
    if not found:
        require_known(configuration, wanted.target, wanted.reason)
    if as_text:
        click.echo(json.dumps({"jobs": as_json(found)}, indent=1))
    elif found:
        show_jobs(output(), found)
    else:
        click.echo("no case fits", err=True)


def _checked(study_uid: str) -> str:
    try:
        return checked_uid(study_uid)
    except InvalidUid as error:
        raise click.BadParameter(str(error), param_hint="STUDY_UID") from error


def warn_of_unknown_targets(jobs: "Sequence[JobStatus]", configuration: Configuration) -> None:
    """List the targets that results wait for although the configuration has no such target."""
    known = {target.name for target in configuration.workers.targets}
    waiting = {one.target for job in jobs for one in job.deliveries if not one.state.is_settled}
    for name in sorted(waiting - known - {SELF_TEST_TARGET}):
        click.echo(f"warning: results wait for target {name!r}, which is not in the configuration", err=True)
