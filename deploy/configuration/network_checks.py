"""Checks across settings against unauthorised access and unintended unencrypted traffic."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from deploy.configuration.sections import StatusPageSettings
from deploy.configuration.webhook_checks import host_of
from listener.settings import AllowedPeer, ClientTls, ListenerSettings, is_loopback
from workers.settings import WorkerSettings

if TYPE_CHECKING:
    from deploy.configuration.sections import SinkSettings


ReportProblem = Callable[[str, str], None]
"""Takes a setting and what is wrong with it."""


def check_listener(listener: ListenerSettings, report: ReportProblem) -> None:
    """Report a listener that anyone could send to, or that requires certificates it cannot check."""
    tls = listener.tls
    if not is_loopback(listener.host) and not listener.calling_ae_titles and not listener.peers:
        report(
            "listener.host",
            f"{listener.host} is reachable from the network and anyone may send; list who may with "
            "listener.peers: [{ae_title: THEIR_AE, addresses: [THEIR_ADDRESS]}] or, from any address, "
            "listener.calling_ae_titles: [THEIR_AE]; or listen on 127.0.0.1",
        )
    if tls is not None and tls.require_client_certificate and tls.ca is None:
        report(
            "listener.tls",
            "client certificates are required and there is nothing to check them against; give listener.tls.ca, "
            "or set require_client_certificate: false",
        )
    asked = [peer for peer in listener.peers if _shows_certificate(peer)]
    if asked and (tls is None or not tls.require_client_certificate):
        report(
            "listener.peers",
            f"{asked[0].ae_title} is identified by its certificate, but none is requested; give listener.tls with "
            "its ca, and leave require_client_certificate on",
        )


def check_clients(listener: ListenerSettings, workers: WorkerSettings, report: ReportProblem) -> None:
    """Report a client certificate without its key, or a key without its certificate."""
    for setting, tls in client_sections(listener, workers):
        if (tls.certificate is None) != (tls.key is None):
            report(setting, "a certificate needs its key, and a key its certificate; give both or none")
        if tls.key_password_file is not None and tls.key is None:
            report(setting, "key_password_file is given and no key that it could open")


def check_status_page(page: StatusPageSettings, report: ReportProblem) -> None:
    """Report a status page that anyone on the network could read."""
    if not is_loopback(page.host) and page.password_file is None:
        report(
            "status_page.host",
            f"{page.host} is reachable from the network and anyone may read the page; give status_page.password_file, "
            "and put it behind a reverse proxy with TLS; or serve it on 127.0.0.1",
        )


def check_sink(sink: "SinkSettings", report: ReportProblem) -> None:
    """Report a sink that anyone on the network could fill: it has no list of callers and no limits."""
    known = sink.tls is not None and sink.tls.require_client_certificate
    if not is_loopback(sink.host) and not known:
        report(
            "sink.host",
            f"{sink.host} is reachable from the network and the sink takes what anyone sends; keep it on 127.0.0.1, or "
            "give sink.tls with the ca of those who may send",
        )
    if known and sink.tls is not None and sink.tls.ca is None:
        report("sink.tls", "client certificates are required and there is nothing to check them against; give its ca")


def client_sections(listener: ListenerSettings, workers: WorkerSettings) -> Iterator[tuple[str, ClientTls]]:
    """Yield each section with TLS client settings, with its name."""
    if listener.audit is not None and listener.audit.syslog is not None:
        yield "audit.syslog.tls", listener.audit.syslog.tls
    if listener.retrieve_from is not None and listener.retrieve_from.tls is not None:
        yield "listener.retrieve_from.tls", listener.retrieve_from.tls
    if workers.webhook is not None and workers.webhook.tls is not None:
        yield "webhook.tls", workers.webhook.tls
    for index, target in enumerate(workers.targets):
        if target.tls is not None:
            yield f"targets[{index}].tls", target.tls


def network_warnings(listener: ListenerSettings, workers: WorkerSettings) -> Iterator[str]:
    """Yield a warning for each network connection that is not encrypted, or open to more machines than necessary."""
    if listener.tls is None and not is_loopback(listener.host):
        yield f"listener.host is {listener.host} without listener.tls: what peers send can be read on the way"
    named = (peer.ae_title for peer in listener.peers if not peer.addresses and not _shows_certificate(peer))
    anywhere = [*listener.calling_ae_titles, *named]
    if anywhere and not is_loopback(listener.host):
        yield (
            f"a peer with the AE title {' or '.join(anywhere)} may send from any address; "
            "restrict it with listener.peers: [{ae_title: THEIR_AE, addresses: [THEIR_ADDRESS]}]"
        )
    if workers.webhook is not None and workers.webhook.tls is None and not is_loopback(host_of(workers.webhook)):
        yield f"webhook has no tls section: outcomes go to {host_of(workers.webhook)} in the clear"
    for target in workers.targets:
        if target.tls is None and not is_loopback(target.host_name):
            yield f"target {target.name} has no tls section: results go to {target.host_name} in the clear"


def rejected_own_commands(listener: ListenerSettings, workers: WorkerSettings) -> Iterator[str]:
    """Yield a warning where the listener would refuse our own commands: they call as ``workers.ae_title``."""
    allowed = [*listener.calling_ae_titles, *(peer.ae_title for peer in listener.peers)]
    if allowed and workers.ae_title not in allowed:
        yield (
            f"the listener refuses {workers.ae_title}, as which radtme echo own, send and selftest call it; where they "
            f"are to work, add {{ae_title: {workers.ae_title}, addresses: [127.0.0.1]}} to listener.peers"
        )


def _shows_certificate(peer: AllowedPeer) -> bool:
    return bool(peer.certificate_fingerprint or peer.certificate_subject)
