"""``radtme retention``: what is old enough to go, and removing it."""

import json
from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from deploy.commands.options import config_option
from deploy.configuration.change_audit import cannot_audit
from deploy.configuration.load import Configuration, read_configuration
from deploy.configuration.sections import RetentionSettings
from deploy.operations.status import existing_spool
from deploy.terminal import size
from listener.audit.events import study_deleted
from listener.audit.trail import AuditLog, NotAudited
from listener.spool.spool import Spool

if TYPE_CHECKING:
    from deploy.operations.retention import StudyJobs, Unit


REMOVED, WOULD_GO = "removed", "would go"


@click.command(epilog="Example: radtme retention; radtme retention --apply")
@click.option("--apply", "remove_it", is_flag=True, help="Remove it. Without this, nothing is changed.")
@click.option("--json", "as_text", is_flag=True, help="For scripts: one JSON object a line, also for what stays.")
@config_option
def retention(remove_it: bool, as_text: bool, config_file: Path | None) -> None:
    """Show which studies, jobs and quarantined objects are older than the retention settings keep them.

    A study goes together with its jobs, when all of them are old enough. Never what a job in work needs, and never a
    result that no target has. Works while radtme runs. Every study that is removed is audited; the audit trail stays.
    """
    from deploy.operations.retention import StudyJobs, old_quarantine, units

    configuration = read_configuration(config_file)
    spool, settings = existing_spool(configuration), configuration.retention
    if remove_it:
        from deploy.operations.removal import finish_earlier

        finish_earlier(spool)
    jobs = StudyJobs(spool)
    every = list(units(spool, settings, jobs))
    going, quarantined = [unit for unit in every if not unit.kept], list(old_quarantine(spool, settings))
    stays = [unit for unit in every if unit.kept]
    if remove_it:
        going, lost = _removed(configuration, spool, jobs, going)
        stays += lost
        _empty(spool, [one.name for one in quarantined])
    verb = REMOVED if remove_it else WOULD_GO
    if as_text:
        for unit in [*going, *stays]:
            fate = "stays" if unit.kept else verb
            what = {"study_uid": unit.study_uid, "jobs": [job.id for job in unit.jobs], "bytes": unit.bytes}
            click.echo(json.dumps({"fate": fate, **what, "why": unit.kept}))
        for one in quarantined:
            click.echo(json.dumps({"fate": verb, "quarantine": one.name, "bytes": one.bytes}))
        return
    _show(settings, verb, going, stays, (len(quarantined), sum(one.bytes for one in quarantined)))


def _removed(
    configuration: Configuration, spool: Spool, jobs: "StudyJobs", going: "Sequence[Unit]"
) -> tuple[list["Unit"], list["Unit"]]:
    """Remove these studies; return what is gone, and what stays after all."""
    from deploy.operations.decision_audit import study_on_disk
    from deploy.operations.removal import remove

    log = AuditLog(configuration.audit)

    def tell(unit: "Unit", folder: Path) -> None:
        if log.is_on:
            what = f"retention: {len(unit.jobs)} jobs, {unit.bytes} bytes"
            log.write(study_deleted(study_on_disk(unit.study_uid, folder), what))

    gone, stays = [], []
    try:
        for unit in going:
            if remove(spool, configuration.retention, jobs, unit.study_uid, tell):
                gone.append(unit)
            else:
                stays.append(replace(unit, kept="something came or was begun meanwhile"))
    except NotAudited as error:
        raise cannot_audit(configuration, error) from error
    return gone, stays


def _empty(spool: Spool, names: list[str]) -> None:
    from deploy.operations.removal import remove_from_quarantine

    for name in names:
        remove_from_quarantine(spool, name)


def _show(
    settings: RetentionSettings,
    verb: str,
    going: "Sequence[Unit]",
    stays: "Sequence[Unit]",
    quarantine: tuple[int, int],
) -> None:
    for each in fields(settings):
        days = getattr(settings, each.name)
        what = (
            each.name.removesuffix("_days").replace("done", "jobs that are done").replace("failed", "jobs that failed")
        )
        what = what.replace("dropped", "jobs that were dropped")
        click.echo(f"{what}: kept {'for good' if days is None else f'{days} days'}")
    click.echo()
    for unit in going:
        click.echo(f"{unit.study_uid}  {len(unit.jobs)} jobs  {size(unit.bytes)}")
    total = size(sum(unit.bytes for unit in going))
    click.echo(f"{len(going)} studies with {sum(len(unit.jobs) for unit in going)} jobs, {total}: {verb}")
    click.echo(f"{quarantine[0]} objects in quarantine, {size(quarantine[1])}: {verb}")
    if stays:
        click.echo(f"{len(stays)} studies stay; --json says why of each")
    if going and verb != REMOVED:
        click.echo("radtme retention --apply removes them")
