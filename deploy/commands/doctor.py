"""``radtme doctor``: what is wrong with an installation, and what to do about it."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.table import Table
from rich.text import Text

from deploy.commands.options import config_option
from deploy.configuration.load import read_configuration
from deploy.configuration.settings import Configuration
from deploy.errors import CommandError, ExitCode
from deploy.terminal import counted, notices, output, working

if TYPE_CHECKING:
    from deploy.doctor.finding import Finding

SLOW = ("redis", "database", "peers", "targets")
"""Checks that wait for answers."""
IN_FOLDERS = ("database", "signature")
"""Checks of files in the folders: they say nothing where these cannot be used. Others may find that they can say
nothing."""
STYLE = {"ok": "green", "warning": "yellow", "fault": "bold red"}


@click.command(epilog="Example: radtme doctor; radtme doctor --json")
@click.option("--json", "as_text", is_flag=True, help="For scripts: all findings as one JSON document.")
@config_option
def doctor(as_text: bool, config_file: Path | None) -> None:
    """Check the installation, and name for each fault the one thing to do.

    It checks versions, configuration, folders, disk, ports, clock, certificates, Redis, database, signature, running
    parts, peers and targets. Nothing is changed or sent, except C-ECHO and QIDO-RS. Exit code 1 if something does not
    work.
    """
    configuration = read_configuration(config_file)
    with working(notices(), "checking this machine") as tell:
        findings = list(_findings(configuration, tell))
    faults = [one for one in findings if one.level == "fault"]
    if as_text:
        click.echo(json.dumps([asdict(one) for one in findings], indent=1))
        raise click.exceptions.Exit(ExitCode.FAILED if faults else ExitCode.OK)
    _show(findings)
    if faults:
        raise CommandError(counted(len(faults), "fault"), "begin with the first one above")


def _findings(configuration: Configuration, tell: Callable[[str], None]) -> "Iterator[Finding]":
    from deploy.doctor import machine_checks, service_checks
    from deploy.doctor.finding import fault

    checks = {
        "configuration": machine_checks.check_configuration,
        "folders": machine_checks.check_folders,
        "versions": machine_checks.check_versions,
        "disk": machine_checks.check_disk,
        "ports": machine_checks.check_ports,
        "clock": machine_checks.check_clock,
        "certificates": machine_checks.check_certificates,
        "redis": service_checks.check_redis_answers,
        "database": service_checks.check_database,
        "signature": service_checks.check_signature,
        "parts": service_checks.check_parts,
        "peers": service_checks.check_peers,
        "targets": service_checks.check_targets,
    }
    folders_usable = True
    for name, check in checks.items():
        if name in IN_FOLDERS and not folders_usable:
            continue
        if name in SLOW:
            tell(f"checking {name}")
        try:
            for one in check(configuration):
                folders_usable &= (one.check, one.level) != ("folders", "fault")
                yield one
        except OSError as error:  # one that cannot look must not keep the others from it
            if not folders_usable:
                continue  # the same fault
            yield fault(name, f"{error.filename}: {error.strerror}", "correct the path, its owner or its mode")


def _show(findings: "Sequence[Finding]") -> None:
    table = Table.grid(padding=(0, 2))
    for _ in range(2):
        table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for one in findings:
        remedy = f"\nto do: {one.remedy}" if one.remedy else ""
        table.add_row(Text(one.level, STYLE[one.level]), Text(one.check, "bold"), Text(one.message + remedy))
    output().print(table)
