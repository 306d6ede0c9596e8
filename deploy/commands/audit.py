"""``radtme audit``: who sent what, what was scored with which signature, what was sent where, what was changed."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from deploy.commands.options import config_option, time_argument
from deploy.configuration.change_audit import cannot_audit
from deploy.configuration.load import read_configuration
from deploy.configuration.settings import Configuration
from deploy.errors import CommandError
from deploy.terminal import output, path_from_here

if TYPE_CHECKING:
    from listener.audit.reader import AuditEntry


HIDDEN = "(hidden; --show-patients)"


@click.command(epilog="Example: radtme audit --since 12h --event security-alert")
@click.option("--since", type=time_argument, metavar="TIME", help="Start: 2026-11-25, 2026-11-25T08:00Z, or 12h (ago).")
@click.option("--until", type=time_argument, metavar="TIME", help="End, in the same formats.")
@click.option("--study", metavar="UID", help="Messages about this study only.")
@click.option(
    "--event", metavar="EVENT", help="A code such as 110104, or the beginning of a name such as security-alert."
)
@click.option("--json", "as_text", is_flag=True, help="For scripts: one JSON object a line.")
@click.option("--show-patients", is_flag=True, help="Show the patients' ids and names too.")
@config_option
def audit(
    since: datetime | None,
    until: datetime | None,
    study: str | None,
    event: str | None,
    as_text: bool,
    show_patients: bool,
    config_file: Path | None,
) -> None:
    """Show the audit trail: who sent what, what was scored with which signature, what was sent where, who changed what.

    The trail consists of files with DICOM audit messages in syslog form. Reading it is audited, too.
    """
    from listener.audit.reader import read_entries

    configuration = read_configuration(config_file)
    folder = configuration.audit.folder
    if not folder.is_dir():
        raise CommandError(
            f"there is no audit trail at {path_from_here(folder)}",
            "nothing has run with this configuration yet, or audit.enabled is false",
        )
    codes = _event_codes(event)
    _tell_that_it_is_read(configuration)

    def wanted(entry: "AuditEntry") -> bool:
        return (
            (since is None or entry.at >= since)
            and (until is None or entry.at <= until)
            and (study is None or study in entry.studies)
            and (codes is None or entry.event_code in codes)
        )

    broken: list[str] = []
    entries = read_entries(folder, wanted, broken.append)
    if as_text:
        for entry in entries:
            click.echo(json.dumps(_plain(entry, show_patients), ensure_ascii=False))
    else:
        for entry in entries:
            _show(output(), entry, show_patients)
    if broken:
        shown = ", ".join(broken[:5])
        click.echo(
            f"warning: {len(broken)} lines are not audit messages (power failure or tampering): {shown}", err=True
        )


def _event_codes(event: str | None) -> frozenset[str] | None:
    from listener.audit.reader import EVENT_NAMES

    if event is None:
        return None
    found = {code for name, code in EVENT_NAMES.items() if name.startswith(event.lower()) or code == event}
    if not found:
        raise click.BadParameter(f"expected one of {', '.join(EVENT_NAMES)}, found {event!r}", param_hint="--event")
    return frozenset(found)


def _tell_that_it_is_read(configuration: Configuration) -> None:
    from listener.audit.events import audit_log_used
    from listener.audit.trail import AuditLog, NotAudited

    try:
        AuditLog(configuration.audit).write(audit_log_used(str(configuration.audit.folder.absolute())))
    except NotAudited as error:
        raise cannot_audit(configuration, error) from error


def _plain(entry: "AuditEntry", show_patients: bool) -> dict[str, object]:
    patients = list(entry.patients) if show_patients else [HIDDEN for _ in entry.patients]
    return {**asdict(entry), "at": entry.at.isoformat(), "patients": patients}


def _show(console: Console, entry: "AuditEntry", show_patients: bool) -> None:
    """Print a message: time, event and outcome in one line, the rest below."""
    style = "" if entry.outcome == "ok" else "bold red"
    head = Text(entry.at.strftime("%Y-%m-%d %H:%M:%S")).append("  ").append(f"{entry.outcome:<8}", style)
    head.append(f" {', '.join((entry.event, *entry.kinds))}", "bold")
    console.print(head)
    for line in (" \u2192 ".join(entry.who), *_what(entry, show_patients)):
        console.print(Padding(Text(line), (0, 0, 0, 21)))


def _what(entry: "AuditEntry", show_patients: bool) -> Iterator[str]:
    if entry.instances:
        yield f"{entry.instances} object{'s' if entry.instances > 1 else ''}"
    yield from (f"study {study}" for study in entry.studies if study)
    if show_patients:
        yield from (f"patient {patient}" for patient in entry.patients if patient)
    yield from entry.objects
    if entry.description:
        yield entry.description
