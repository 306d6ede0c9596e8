"""``radtme echo`` and ``radtme send``: talking DICOM to a peer, from the terminal."""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from pydicom.uid import UID
from rich.table import Table

from deploy.commands.numbers import Amount
from deploy.commands.options import config_option, tls_given, tls_options
from deploy.configuration.load import read_configuration
from deploy.configuration.settings import Configuration
from deploy.errors import CommandError, Unreachable, WrongUsage
from deploy.network.peer import Peer, checked_ae_title, parse_peer
from deploy.stack.running_stack import as_running
from deploy.terminal import QUICK_SECONDS, notices, output, path_from_here, stepping
from listener.settings import ClientTls
from workers.targets.target import Target, TargetKind

if TYPE_CHECKING:
    from deploy.network.dicom_files import OtherFile
    from deploy.network.send import SentFile


SUCCESS_WORDS = "status 0x0000"
ANSWERS_TO = {TargetKind.DICOMWEB: "QIDO-RS", TargetKind.FHIR: "FHIR capability statement"}
MAX_LISTED = 10
"""Files that are named one by one before the rest is only counted."""

timeout_option = click.option(
    "--timeout",
    metavar="SECONDS",
    type=Amount(min=0, min_open=True),
    default=30,
    show_default=True,
    help="For each answer.",
)
calling_option = click.option("--calling", metavar="AET", help="Our AE title. Default: workers.ae_title.")


@click.command(epilog="Example: radtme echo pacs; radtme echo ORTHANC@10.0.0.5:4242; radtme echo own")
@click.argument("target")
@calling_option
@timeout_option
@tls_options
@config_option
def echo(target: str, calling: str | None, timeout: float, config_file: Path | None, **tls: Any) -> None:
    """Check that a DICOM peer answers (C-ECHO), or a DICOMweb or FHIR server, and print the response time.

    TARGET is the name of a target in the configuration, AET@host:port, or `own` for our own listener. If a target
    of the configuration answers, its circuit breaker closes and waiting results are sent.
    """
    from deploy.network.echo import echo as ask

    configuration = as_running(read_configuration(config_file))
    web = next((one for one in configuration.workers.targets if one.name == target and one.url), None)
    if web is not None:
        ask_web(replace(web, timeout_seconds=timeout, tls=tls_given(**tls) or web.tls))
        close_circuit(target, configuration)
        return
    peer = peer_of(target, configuration, tls_given(**tls))
    answer = ask(peer, calling_title(calling, configuration), timeout)
    click.echo(
        f"{peer}: ok, association in {answer.association_seconds * 1000:.0f} ms, "
        f"C-ECHO in {answer.echo_seconds * 1000:.0f} ms"
    )
    close_circuit(target, configuration)


def close_circuit(target: str, configuration: Configuration) -> None:
    """Let deliveries to a target of the configuration go on at once, now that it answers."""
    from listener.spool.layout import LAYOUT, layout_of
    from workers.delivery.circuit_breaker import close_now

    spool = configuration.spool
    is_ours = any(one.name == target for one in configuration.workers.targets)
    if is_ours and layout_of(spool.root) == LAYOUT and close_now(spool.ledger, target, datetime.now(UTC)):
        click.echo(f"{target}: its circuit breaker is closed again, waiting results are sent now")


def ask_web(target: Target) -> None:
    """Check that a DICOMweb or FHIR server answers and accepts our credentials."""
    from workers.errors import TransientFailure
    from workers.targets.dimse import transport_of
    from workers.targets.transport import TargetRefused

    start = time.perf_counter()
    try:
        transport_of(target).probe(target, "")
    except (TransientFailure, TargetRefused) as error:
        raise Unreachable(str(error), "check the target's url, tls and credentials") from error
    click.echo(f"{target.url}: ok, {ANSWERS_TO[target.kind]} in {(time.perf_counter() - start) * 1000:.0f} ms")


@click.command(epilog="Example: radtme send /data/study7; radtme send /data/study7 --target PACS@10.0.0.5:104")
@click.argument("folder", type=click.Path(path_type=Path, exists=True))
@click.option(
    "--target", metavar="NAME", default="own", help="Name of a target, or AET@host:port. Default: our own listener."
)
@calling_option
@timeout_option
@tls_options
@config_option
def send(folder: Path, target: str, calling: str | None, timeout: float, config_file: Path | None, **tls: Any) -> None:
    """Send the DICOM files in FOLDER and its subfolders unchanged over one association (C-STORE).

    Files that are not DICOM instances are counted and listed; a DICOMDIR is skipped. Exit code 1 if any instance was
    refused or put into quarantine; an instance that the receiver already has is shown and is no error.
    """
    from deploy.network.dicom_files import DicomFile, OtherFile, files_below, read_all
    from deploy.network.send import SendOutcome, send_files

    configuration = as_running(read_configuration(config_file))
    peer = peer_of(target, configuration, tls_given(**tls))
    title = calling_title(calling, configuration)
    paths = files_below(folder)
    found: list[DicomFile | OtherFile] = []
    with stepping(notices(), "reading", len(paths), QUICK_SECONDS) as step:
        for file in read_all(paths):
            found.extend([file] if file else [])
            step()
    files = [file for file in found if isinstance(file, DicomFile)]
    others = [file for file in found if isinstance(file, OtherFile)]
    if not files:
        raise CommandError(f"{folder}: {len(paths)} files, none of them a DICOM instance", _first(others))
    with stepping(notices(), f"sending to {peer}", len(files), QUICK_SECONDS) as step:
        sent = send_files(peer, title, files, timeout, lambda one: step())
    output().print(summary(sent))
    report_others(others)
    failed = [one for one in sent if one.outcome not in (SendOutcome.STORED, SendOutcome.DUPLICATE)]
    for one in failed[:MAX_LISTED]:
        click.echo(f"{one.outcome}: {path_from_here(one.file.path)}: {one.answer}", err=True)
    if failed:
        advice = "sending the folder again is safe: an instance that is there already is not stored twice"
        if any(one.is_quarantined for one in failed):
            advice = f"radtme quarantine list, where {peer.ae_title} runs, shows what is in quarantine and why"
        raise CommandError(f"{len(failed)} of {len(sent)} instances were not stored by {peer}", advice)


def peer_of(target: str, configuration: Configuration, tls: ClientTls | None = None) -> Peer:
    """Return the peer that was named: ``own``, a target of the configuration, or ``AET@host:port``.

    ``tls`` is from the command line; it replaces that of the configuration.
    """
    peer = _named_peer(target, configuration)
    return peer if tls is None else replace(peer, tls=tls)


def _named_peer(target: str, configuration: Configuration) -> Peer:
    if target == "own":
        return configuration.own_listener()
    for known in configuration.workers.targets:
        if known.name == target:
            if known.url:
                raise WrongUsage(f"{target} is a DICOMweb server", "radtme send needs a Storage SCP")
            return Peer(known.ae_title, known.host, known.port, known.tls)
    if "@" not in target:
        names = ", ".join(["own", *(known.name for known in configuration.workers.targets)])
        raise WrongUsage(f"there is no target {target!r}", f"known targets: {names}; or use AET@host:port")
    try:
        return parse_peer(target)
    except ValueError as error:
        raise WrongUsage(str(error)) from error


def calling_title(given: str | None, configuration: Configuration) -> str:
    """Return our calling AE title."""
    try:
        return checked_ae_title(given) if given is not None else configuration.workers.ae_title
    except ValueError as error:
        raise WrongUsage(f"--calling: {error}") from error


def summary(sent: Sequence["SentFile"]) -> Table:
    """Return the outcome of the sent instances by SOP class and transfer syntax."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("instances", "SOP class", "transfer syntax", "outcome"):
        table.add_column(column, justify="right" if column == "instances" else "left")
    kinds = Counter((one.file.sop_class_uid, one.file.transfer_syntax_uid, one.outcome, one.answer) for one in sent)
    for (sop_class, syntax, outcome, said), count in kinds.items():
        words = outcome.value if said == SUCCESS_WORDS else f"{outcome.value}: {said}"
        table.add_row(str(count), UID(sop_class).name, UID(syntax).name, words)
    return table


def report_others(others: Sequence["OtherFile"]) -> None:
    """List the files that were not sent because they are not DICOM instances."""
    for file in others[:MAX_LISTED]:
        click.echo(f"skipped: {path_from_here(file.path)}: {file.reason}", err=True)
    if len(others) > MAX_LISTED:
        click.echo(f"skipped: {len(others) - MAX_LISTED} more", err=True)


def _first(others: Sequence["OtherFile"]) -> str:
    return f"the first is {path_from_here(others[0].path)}: {others[0].reason}" if others else ""
