"""``radtme retention``: show and remove data that exceeds its retention time."""

import json
from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from deploy.commands.options import config_option
from deploy.configuration.change_audit import cannot_audit
from deploy.configuration.load import read_configuration
from deploy.configuration.sections import RetentionSettings
from deploy.configuration.settings import Configuration
from deploy.operations.spool_checks import existing_spool
from deploy.terminal import size
from listener.audit.events import study_deleted
from listener.audit.trail import AuditLog, NotAudited
from listener.spool.spool import Spool

if TYPE_CHECKING:
    from deploy.operations.retention import Unit


REMOVED, WOULD_GO = "removed", "would be removed"


@click.command(epilog="Example: radtme retention; radtme retention --apply")
@click.option("--apply", "remove_it", is_flag=True, help="Remove the data. Without this option, nothing is changed.")
@click.option(
    "--json", "as_text", is_flag=True, help="For scripts: one JSON object a line, also for data that is kept."
)
@config_option
def retention(remove_it: bool, as_text: bool, config_file: Path | None) -> None:
    """Show which studies, jobs and quarantined objects exceed their retention time.

    A study is removed together with its jobs when all of them exceed it, but never data that an unfinished job needs,
    and never an undelivered result. Can be used while radtme runs. Each removed study is audited.
    """
    from deploy.operations.retention import every_study, old_quarantine, overdue, units

    configuration = read_configuration(config_file)
    spool, settings = existing_spool(configuration), configuration.retention
    if remove_it:
        from deploy.operations.removal import finish_earlier
        from listener.spool.quarantined import remove_from_quarantine

        finish_earlier(spool)
    every = every_study(spool)
    looked_at = list(units(spool, settings, every if as_text else overdue(spool, settings)))
    going, quarantined = [unit for unit in looked_at if not unit.kept], old_quarantine(spool, settings)
    stays = [unit for unit in looked_at if unit.kept]
    if remove_it:
        going, lost = _removed(configuration, spool, going)
        stays += lost
        remove_from_quarantine(spool, [one.name for one in quarantined])
    verb = REMOVED if remove_it else WOULD_GO
    if as_text:
        for unit in [*going, *stays]:
            fate = "stays" if unit.kept else verb
            what = {"study_uid": unit.study_uid, "jobs": [job.id for job in unit.jobs], "bytes": unit.bytes}
            click.echo(json.dumps({"fate": fate, **what, "why": unit.kept}))
        for one in quarantined:
            click.echo(json.dumps({"fate": verb, "quarantine": one.name, "bytes": one.bytes}))
        return
    _show(settings, verb, going, len(every) - len(going), (len(quarantined), sum(one.bytes for one in quarantined)))


def _removed(configuration: Configuration, spool: Spool, going: "Sequence[Unit]") -> tuple[list["Unit"], list["Unit"]]:
    """Remove these studies; return those removed, and those kept after all."""
    from deploy.operations.decision_audit import study_on_disk
    from deploy.operations.removal import remove

    log = AuditLog(configuration.audit)

    def tell(unit: "Unit", folder: Path) -> None:
        if log.is_on:
            what = f"retention: {len(unit.jobs)} jobs, {unit.bytes} bytes"
            log.write(study_deleted(study_on_disk(unit.study_uid, folder, log), what))

    gone, stays = [], []
    try:
        for unit in going:
            if remove(spool, configuration.retention, unit.study_uid, tell):
                gone.append(unit)
            else:
                stays.append(replace(unit, kept="an object arrived or a job started meanwhile"))
    except NotAudited as error:
        raise cannot_audit(configuration, error) from error
    return gone, stays


def _show(
    settings: RetentionSettings,
    verb: str,
    going: "Sequence[Unit]",
    stays: int,
    quarantine: tuple[int, int],
) -> None:
    for each in fields(settings):
        days = getattr(settings, each.name)
        what = (
            each.name.removesuffix("_days").replace("done", "jobs that are done").replace("failed", "jobs that failed")
        )
        what = what.replace("dropped", "jobs that were dropped")
        click.echo(f"{what}: kept {'forever' if days is None else f'{days} days'}")
    click.echo()
    for unit in going:
        click.echo(f"{unit.study_uid}  {len(unit.jobs)} jobs  {size(unit.bytes)}")
    total = size(sum(unit.bytes for unit in going))
    click.echo(f"{len(going)} studies with {sum(len(unit.jobs) for unit in going)} jobs, {total}: {verb}")
    click.echo(f"{quarantine[0]} objects in quarantine, {size(quarantine[1])}: {verb}")
    if stays:
        click.echo(f"{stays} studies are kept; --json shows the reason for each")
    if going and verb != REMOVED:
        click.echo("radtme retention --apply removes them")
