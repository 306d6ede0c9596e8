"""``radtme quarantine``: received objects that could not be used."""

import json
from pathlib import Path

import click
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from deploy.commands.options import config_option
from deploy.configuration.load import read_configuration
from deploy.operations.spool_checks import existing_spool
from deploy.terminal import age, output, path_from_here, size

NAME_ARGUMENT = click.argument("name", metavar="NAME")


EXAMPLES = (
    "Example: radtme quarantine list; radtme quarantine show 1.2.826.0.1.3680043.8.498.1; "
    'radtme quarantine drop 1.2.826.0.1.3680043 --why "sent again"'
)


@click.group(epilog=EXAMPLES, no_args_is_help=True)
def quarantine() -> None:
    """Show and remove received objects that could not be used. Their senders got an error status.

    NAME, as `list` prints it, may be shortened to its beginning.
    """


@quarantine.command("list", epilog="Example: radtme quarantine list --json")
@click.option("--json", "as_text", is_flag=True, help="For scripts: one JSON object a line.")
@config_option
def list_objects(as_text: bool, config_file: Path | None) -> None:
    """List the objects in quarantine, the newest first, with sender, time and reason."""
    from deploy.operations.quarantine import in_words, path_of, sender_of
    from deploy.operations.status_text import as_json
    from listener.ledger.quarantine import read_quarantined

    spool = existing_spool(read_configuration(config_file))
    found = read_quarantined(spool.ledger)
    if as_text:
        for one in found:
            click.echo(json.dumps({**as_json(one), "path": str(path_of(spool, one))}))
        return
    console = output()
    for one in found:
        console.print(Text.assemble((one.name, "bold")), overflow="fold")
        words = Text(f"{sender_of(one)}, {age(one.since)} ago, {size(one.bytes)}: {in_words(one)}")
        console.print(Padding(words, (0, 0, 0, 2), expand=False), overflow="fold")
    if not found:
        console.print("nothing is in quarantine")


@quarantine.command(epilog="Example: radtme quarantine show 1.2.826.0.1.3680043.8.498.1")
@NAME_ARGUMENT
@config_option
def show(name: str, config_file: Path | None) -> None:
    """Show one object: what was wrong with it, who sent it, when, and where the file is. NAME may be its beginning."""
    from deploy.operations.quarantine import find_quarantined, in_words, path_of, sender_of

    spool = existing_spool(read_configuration(config_file))
    one = find_quarantined(spool, name)
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column(overflow="fold")
    for title, words in (
        ("object", one.name),
        ("reason", in_words(one)),
        ("answered with", one.reason.status),
        ("sender", sender_of(one)),
        ("received", f"{one.since.isoformat(timespec='seconds')} ({age(one.since)} ago)"),
        ("SOP class", _with_name(one.reason.sop_class_uid)),
        ("SOP instance", one.reason.sop_instance_uid),
        ("encoding", _with_name(one.reason.transfer_syntax_uid)),
        ("size", size(one.bytes)),
        ("file", path_from_here(path_of(spool, one))),
    ):
        if words:
            grid.add_row(title, words)
    output().print(grid)


@quarantine.command(epilog='Example: radtme quarantine drop 1.2.826.0.1.3680043 --why "sent again, corrected"')
@NAME_ARGUMENT
@click.option("--why", metavar="REASON", required=True, help="Recorded in the audit trail.")
@config_option
def drop(name: str, why: str, config_file: Path | None) -> None:
    """Remove one object from the disk, after it is recorded in the audit trail."""
    from deploy.operations.quarantine import drop_quarantined, find_quarantined

    if not why.strip():
        raise click.BadParameter("say why: it is recorded in the audit trail", param_hint="--why")
    configuration = read_configuration(config_file)
    spool = existing_spool(configuration)
    one = find_quarantined(spool, name)
    drop_quarantined(configuration, spool, one, why)
    click.echo(f"{one.name}: removed")


def _with_name(uid: str) -> str:
    """Return a UID after its name in the Standard, where it has one there."""
    from pydicom.uid import UID

    name = UID(uid).name
    return uid if name == uid else f"{name} ({uid})"
