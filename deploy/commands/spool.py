"""``radtme spool``: shows damage after a crash, a power cut or a restored backup."""

import json
from pathlib import Path

import click

from deploy.commands.options import config_option
from deploy.configuration.load import read_configuration
from deploy.errors import ExitCode
from deploy.operations.status import existing_spool
from deploy.terminal import path_from_here


@click.group(epilog="Example: radtme spool check")
def spool() -> None:
    """Check the spool."""


@spool.command(epilog="Example: radtme spool check")
@click.option("--json", "as_text", is_flag=True, help="For scripts: one JSON object a line.")
@config_option
def check(as_text: bool, config_file: Path | None) -> None:
    """Show damage in the spool after a crash, a power failure or a restored backup. Changes nothing.

    The next start of a listener repairs what is shown. While parts are running, their current work may be listed, too.
    Exit code 1 if anything is found.
    """
    from listener.spool.repair import check as check_spool

    found_in = existing_spool(read_configuration(config_file))
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
