"""``radtme status``: the content of the spool."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
from listener.runtime.loading import without_collections

if TYPE_CHECKING:
    from deploy.operations.case_filter import CaseFilter
    from deploy.operations.job_status import JobStatus
    from deploy.operations.service_health import ServiceHealth


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
    received. The options for cases select those that match all of them; nothing else is shown then.
    """
    configuration = read_configuration(config_file)
    with without_collections():  # most of the time goes into modules that these load
        if not wanted.is_empty:
            _show_cases(configuration, wanted, study_uid, as_text=as_text)
        elif study_uid is None:
            _show_service(configuration, as_text=as_text, everything=everything)
        else:
            _show_study(configuration, _checked(study_uid), as_text=as_text)


def _show_service(configuration: Configuration, *, as_text: bool, everything: bool) -> None:
    from deploy.configuration.shown_certificates import shown_certificates
    from deploy.operations.service_health import read_health

    redis_url = known_redis_url(configuration)
    certificates = shown_certificates(configuration)
    health = read_health(configuration.spool, configuration.listener.min_free_bytes, redis_url, certificates)
    try:
        spool = existing_spool(configuration)
    except NoSpool:
        _show_health(health, as_text=as_text)
        raise
    if health.ledger_fault:
        _show_health(health, as_text=as_text)
        raise CommandError("jobs and targets cannot be shown without the database", "radtme doctor says what to do")
    # Not before there is something to show: these import what reads the ledger.
    from deploy.operations.status import read_status
    from deploy.operations.status_text import MAX_FINISHED_SHOWN, as_json, show_status

    found = read_status(spool, None if everything or as_text else MAX_FINISHED_SHOWN)
    warn_of_unknown_targets(found.jobs, configuration)
    if as_text:
        click.echo(json.dumps(as_json(found) | _health_as_json(health), indent=1))
    else:
        show_status(output(), found, health, everything=everything)


def _show_health(health: "ServiceHealth", *, as_text: bool) -> None:
    from deploy.operations.service_health import show_health

    if as_text:
        click.echo(json.dumps(_health_as_json(health), indent=1))
    else:
        show_health(output(), health)


def _health_as_json(health: "ServiceHealth") -> dict[str, Any]:
    from deploy.operations.status_text import as_json

    return {"service": as_json(health) | {"problems": health.problems}}


def _show_study(configuration: Configuration, study_uid: str, *, as_text: bool) -> None:
    from deploy.operations.status import read_jobs, read_series
    from deploy.operations.status_text import as_json, show_study
    from listener.ledger.set_aside_outlines import read_set_aside

    spool = existing_spool(configuration)
    series, jobs = read_series(spool, study_uid), read_jobs(spool, study_uid)
    outlines = read_set_aside(spool.ledger, study_uid)
    warn_of_unknown_targets(jobs, configuration)
    if not series and not jobs:
        raise CommandError(
            f"no object of study {study_uid} is in {path_from_here(spool.root)}", "radtme status lists the studies"
        )
    if as_text:
        found_here = {"study_uid": study_uid, "series": series, "jobs": jobs, "set_aside": outlines}
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
        click.echo("no case matches", err=True)


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
