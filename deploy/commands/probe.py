"""``radtme probe``: what a target accepts."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.table import Table

from deploy.commands.network import ask_web, calling_option, calling_title, peer_of, timeout_option
from deploy.commands.options import config_option, tls_given, tls_options
from deploy.configuration.load import read_configuration
from deploy.configuration.settings import Configuration
from deploy.errors import CommandError
from deploy.stack.running_stack import as_running
from deploy.terminal import output
from workers.results.result_roles import ResultRole
from workers.targets.target import Target, TargetKind

if TYPE_CHECKING:
    from deploy.network.probe import Findings


@click.command(epilog="Example: radtme probe pacs; radtme probe ORTHANC@10.0.0.5:4242")
@click.argument("target")
@calling_option
@timeout_option
@tls_options
@config_option
def probe(target: str, calling: str | None, timeout: float, config_file: Path | None, **tls: Any) -> None:
    """Show what a target accepts and in which form each result would be sent. Nothing is stored there.

    TARGET is the name of a target in the configuration, or AET@host:port. Sends a C-ECHO, then negotiates SOP classes,
    transfer syntaxes, storage commitment and query. A DICOMweb server has no negotiation: only a QIDO-RS query is sent.
    Exit code 1 if a result cannot be sent in any form, or the target cannot give the required proof.
    """
    from dataclasses import replace

    from deploy.network.probe import probe as ask

    configuration = as_running(read_configuration(config_file))
    known = _target(target, configuration)
    if known.is_web:
        ask_web(replace(known, timeout_seconds=timeout, tls=tls_given(**tls) or known.tls))
        if known.kind is TargetKind.DICOMWEB:
            _show_web(known)
        else:
            click.echo("summary_report goes as one transaction with a DiagnosticReport; other results are not sent")
        return
    peer = peer_of(target, configuration, tls_given(**tls))
    findings = ask(peer, calling_title(calling, configuration), timeout, known.fallback)
    click.echo(f"{peer}: C-ECHO in {findings.echo.echo_seconds * 1000:.0f} ms")
    show(findings, known)
    if problems := findings.problems(known.results, known.proof):
        raise CommandError(
            f"{peer}: {'; '.join(problems)}",
            "let the PACS accept it, or change the target's results, fallback or proof",
        )


def _target(name: str, configuration: Configuration) -> Target:
    """Return the target of this name; for any other peer, one that gets every result and needs no proof beyond sent."""
    return next((one for one in configuration.workers.targets if one.name == name), Target(name))


def show(findings: "Findings", target: Target) -> None:
    """Print what is accepted, and the form in which each result would be sent."""
    from deploy.conformance.tables import name_of

    takes = _table("SOP class", "accepted in")
    for uid, syntaxes in findings.taken.items():
        takes.add_row(name_of(uid), ", ".join(name_of(syntax) for syntax in syntaxes) or "not accepted")
    goes = _table("result", "would be sent as", "transfer syntax")
    for role, sent in findings.goes_as.items():
        if role not in target.results:
            goes.add_row(role.value, "not configured for this target", "")
        elif sent is None:
            goes.add_row(role.value, "not sent: not accepted", "")
        else:
            goes.add_row(role.value, name_of(sent.sop_class), name_of(sent.transfer_syntax))
    for table in (takes, goes):
        output().print(table)
        click.echo()
    click.echo(f"storage commitment: {_accepted(findings.commitment)}")
    click.echo(f"Study Root Query (C-FIND): {_accepted(findings.query)}")
    click.echo(f"required proof: {target.proof}")


def _show_web(target: Target) -> None:
    from deploy.conformance.tables import name_of
    from workers.results.result_classes import RESULT_CLASSES, may_go_as

    goes = _table("result", "is tried as, in this order")
    for role in ResultRole:
        classes = ", then ".join(name_of(uid) for uid in may_go_as(target.fallback, RESULT_CLASSES[role]))
        goes.add_row(role.value, classes if role in target.results else "not configured for this target")
    output().print(goes)
    click.echo()
    click.echo(
        "STOW-RS has no negotiation: the rights to store and the accepted SOP classes show only when results are sent"
    )
    click.echo(f"required proof: {target.proof}")


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column)
    return table


def _accepted(accepted: bool) -> str:
    return "accepted" if accepted else "not accepted"
