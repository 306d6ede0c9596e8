"""``radtme conformance`` and ``radtme connections``: what the administrator of the PACS needs to know."""

from pathlib import Path

import click

from deploy.commands.options import config_option
from deploy.configuration.load import read_configuration
from deploy.stack.running_stack import as_running
from deploy.terminal import output


@click.command(epilog="Example: radtme conformance > conformance.md")
def conformance() -> None:
    """Print the DICOM Conformance Statement (PS3.2) of this version as Markdown."""
    from deploy.conformance.statement import conformance_statement

    click.echo(conformance_statement(), nl=False)


@click.command(epilog="Example: radtme connections --config radtme.yaml")
@config_option
def connections(config_file: Path | None) -> None:
    """Print AE titles, hosts, ports and services of both directions, for the administrator of the PACS.

    The administrator enters the same values on the other side.
    """
    from deploy.conformance.connections import connections_of, sheet

    output().print(sheet(connections_of(as_running(read_configuration(config_file)))))
