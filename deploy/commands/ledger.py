"""``radtme ledger grant``: lets a role of PostgreSQL read the ledger's views."""

from pathlib import Path

import click

from deploy.commands.options import config_option
from deploy.configuration.load import read_configuration
from deploy.errors import CommandError
from deploy.operations.spool_checks import existing_spool


@click.group(epilog="Example: radtme ledger grant grafana")
def ledger() -> None:
    """Let others read the ledger."""


@ledger.command(epilog="Example: radtme ledger grant grafana")
@click.argument("role")
@config_option
def grant(role: str, config_file: Path | None) -> None:
    """Let ROLE, which exists in PostgreSQL, read the ledger's views, such as for Grafana, and nothing else.

    The views hold no attribute of a patient: jobs, Study Instance UIDs, states, scores, deliveries, and when what
    happened. The role can read the views of later versions, too.
    """
    from listener.ledger.readers import VIEWS_SCHEMA, RoleNotGranted, let_read

    spool = existing_spool(read_configuration(config_file))
    if spool.ledger_url is None:
        raise CommandError("the ledger is a file, which has no roles", "this needs a ledger in PostgreSQL: ledger.url")
    try:
        views = let_read(spool.ledger, role)
    except RoleNotGranted as error:
        remedy = f"as an administrator of the database: CREATE ROLE \"{role}\" LOGIN PASSWORD '...'"
        raise CommandError(f"the role {role!r} was given no rights: {error}", remedy) from error
    click.echo(f"{role} may read {', '.join(f'{VIEWS_SCHEMA}.{view}' for view in views)}")
