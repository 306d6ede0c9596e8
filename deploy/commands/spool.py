"""``radtme spool check`` and ``radtme upgrade``: damage in the spool, and the spool of an earlier version."""

import json
from pathlib import Path

import click

from deploy.commands.options import config_option
from deploy.configuration.change_audit import cannot_audit
from deploy.configuration.load import read_configuration
from deploy.errors import CommandError, ExitCode
from deploy.operations.spool_checks import existing_spool
from deploy.stack.running_stack import read_running_stack
from deploy.terminal import notices, path_from_here, working
from listener.audit.events import software_changed
from listener.audit.trail import AuditLog, NotAudited
from listener.spool.layout import LAYOUT, WrongLayout, layout_of


@click.group(epilog="Example: radtme spool check")
def spool() -> None:
    """Check the spool."""


@spool.command(epilog="Example: radtme spool check")
@click.option("--json", "as_text", is_flag=True, help="For scripts: one JSON object a line.")
@config_option
def check(as_text: bool, config_file: Path | None) -> None:
    """Show damage in the spool after a crash, a power failure or a restored backup. Changes nothing.

    A ledger in the spool is read whole; a damaged one is to be restored from a backup.

    The next start of a listener repairs what is shown. While parts are running, their current work may be listed, too.
    Exit code 1 if anything is found.
    """
    from deploy.operations.spool_damage import check as check_spool
    from listener.ledger.integrity import require_intact

    found_in = existing_spool(read_configuration(config_file))
    require_intact(found_in.ledger)
    found = list(check_spool(found_in))
    for one in found:
        where = one.path.relative_to(found_in.root)
        if as_text:
            fields = {"defect": one.defect.value, "path": str(where), "job": one.job_id, "remedy": one.remedy}
            click.echo(json.dumps(fields))
        else:
            click.echo(f"{one.defect.value}: {where}\n    at the next start: {one.remedy}")
    if not found and not as_text:
        click.echo(f"{path_from_here(found_in.root)}: no damage found")
    if found:
        raise click.exceptions.Exit(ExitCode.FAILED)


@click.command(epilog="Example: radtme upgrade --check; radtme upgrade")
@click.option("--check", "check_only", is_flag=True, help="Change nothing; exit code 1 if an upgrade is necessary.")
@config_option
def upgrade(check_only: bool, config_file: Path | None) -> None:
    """Convert the spool of an earlier version to the layout of this version. First stop all parts on all machines.

    Back up the spool before. After an interruption, run the command again; until then no part starts.
    """
    from deploy.operations.upgrade import upgrade as bring_up

    configuration = read_configuration(config_file)
    spool = configuration.spool
    where = path_from_here(spool.root)
    try:
        found = layout_of(spool.root)
    except WrongLayout as error:
        raise CommandError(error.message, error.remedy) from error
    if found is None or found == LAYOUT:
        click.echo(f"{where}: {'is empty' if found is None else f'already has layout {LAYOUT}'}")
        return
    if found > LAYOUT:
        raise CommandError(f"{where} has layout {found}, this program has {LAYOUT}", "run the version that wrote it")
    if check_only:
        click.echo(f"{where} has layout {found}; radtme upgrade converts it to layout {LAYOUT}")
        raise click.exceptions.Exit(ExitCode.FAILED)
    if read_running_stack(configuration) is not None:
        raise CommandError("radtme is running on this data", "stop it first")
    try:
        AuditLog(configuration.audit).write(
            software_changed("upgrade", "radtme:spool", [f"spool layout {found} -> {LAYOUT}"])
        )
    except NotAudited as error:
        raise cannot_audit(configuration, error) from error
    with working(notices(), f"converting {where}") as say:
        done = bring_up(spool, lambda words: say(f"converting {where}: {words}"))
    for path in done.unreadable:
        click.echo(
            f"warning: {path_from_here(path)} cannot be read and was not imported; it stays where it is",
            err=True,
        )
    click.echo(f"{where} has layout {LAYOUT} now; {done.jobs} jobs and {done.records} delivery records were imported")
