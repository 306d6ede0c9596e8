"""The connection sheet: every connection, with the values that both sides must configure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from rich.table import Table

from deploy.configuration.settings import Configuration
from listener.settings import ClientTls, ServerTls
from workers.targets.target import Target, TargetKind

ANY, THIS_MACHINE = "any", "this machine"
STORE, REPORT = "C-STORE, C-ECHO", "N-EVENT-REPORT (commitment)"


@dataclass(frozen=True)
class ConnectionLine:
    """One line of the sheet: an association (or HTTP connection) that one side opens to the other."""

    direction: str
    """in: to us; out: from us."""
    calling: str
    """The calling AE title, with the permitted addresses."""
    called: str
    """AE title or URL."""
    host: str
    port: str
    tls: str
    services: str


def connections_of(configuration: Configuration) -> list[ConnectionLine]:
    """Return every connection that the configuration accepts or opens."""
    return [*_inbound(configuration), *_outbound(configuration)]


def sheet(lines: Iterable[ConnectionLine]) -> Table:
    """Return the lines as a table."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("", "calling AE", "called AE / URL", "host", "port", "TLS", "services"):
        table.add_column(column, overflow="fold")
    for line in lines:
        table.add_row(
            line.direction, line.calling, line.called, line.host, line.port, line.tls, line.services, end_section=True
        )
    return table


def _inbound(configuration: Configuration) -> Iterator[ConnectionLine]:
    listener = configuration.listener
    host = THIS_MACHINE if listener.host in ("0.0.0.0", "::", "") else listener.host  # noqa: S104
    tls = _server_tls(listener.tls)

    def line(calling: str, services: str) -> ConnectionLine:
        return ConnectionLine("in", calling, listener.ae_title, host, str(listener.port), tls, services)

    for title in listener.calling_ae_titles:
        yield line(title, STORE)
    for peer in listener.peers:
        yield line(_with_addresses(peer.ae_title, peer.addresses), STORE)
    if not listener.calling_ae_titles and not listener.peers:
        yield line(ANY, STORE)
    for reporter in listener.reporters:
        yield line(_with_addresses(reporter.ae_title, reporter.addresses), REPORT)


def _outbound(configuration: Configuration) -> Iterator[ConnectionLine]:
    for target in configuration.workers.targets:
        yield _to_target(target, configuration.workers.ae_title)
    source = configuration.listener.retrieve_from
    if source is not None:
        title = configuration.listener.ae_title
        services = f"C-MOVE (Study Root), destination {title}"
        yield ConnectionLine(
            "out", title, source.ae_title, source.host, str(source.port), _client_tls(source.tls), services
        )


def _to_target(target: Target, calling: str) -> ConnectionLine:
    tls = _client_tls(target.tls)
    if target.is_web:
        speaks = "STOW-RS, QIDO-RS" if target.kind is TargetKind.DICOMWEB else "FHIR R5 transactions (POST)"
        return ConnectionLine("out", "-", target.url, target.host_name, "", tls, speaks)
    services = [STORE]
    services += ["N-ACTION (commitment)"] if target.proof.needs_commitment else []
    services += ["C-FIND (Study Root)"] if target.proof.needs_query else []
    return ConnectionLine("out", calling, target.ae_title, target.host, str(target.port), tls, ", ".join(services))


def _with_addresses(title: str, addresses: tuple[str, ...]) -> str:
    return f"{title} from {', '.join(addresses)}" if addresses else title


def _server_tls(tls: ServerTls | None) -> str:
    if tls is None:
        return "no"
    return "yes, client certificate" if tls.require_client_certificate else "yes"


def _client_tls(tls: ClientTls | None) -> str:
    if tls is None:
        return "no"
    return "yes, with our certificate" if tls.certificate else "yes"
