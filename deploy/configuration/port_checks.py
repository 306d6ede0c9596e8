"""The ports that the parts listen on, and whether two of them can be used together."""

import itertools
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from deploy.configuration.network_checks import ReportProblem
    from deploy.configuration.settings import Configuration

ANY_ADDRESS = frozenset({"", "0.0.0.0", "::"})  # noqa: S104
LOOPBACK_NAMES = {"localhost": "127.0.0.1", "ip6-localhost": "::1"}
DELIVERY_METRICS = "workers.metrics_port + 1 (metrics of delivery)"
PAGE_PORT = "status_page.port"
OF_ONE_PROCESS = {"listener.port", "listener.metrics_port"}


def listened_ports(configuration: "Configuration") -> Mapping[str, tuple[str, int]]:
    """Return host and port by setting, of the parts that `radtme up` starts."""
    listener, workers, page = configuration.listener, configuration.workers, configuration.status_page
    wanted = {
        "listener.port": (listener.host, listener.port),
        "listener.metrics_port": (listener.metrics_host, listener.metrics_port),
        "workers.metrics_port": (workers.metrics_host, workers.metrics_port),
    }
    if configuration.sink.enabled:
        wanted["sink.port"] = (configuration.sink.host, configuration.sink.port)
    if page.enabled:
        wanted[PAGE_PORT] = (page.host, page.port)
    return wanted


def equal_ports(wanted: Mapping[str, tuple[str, int]]) -> Iterator[tuple[str, str, int]]:
    """Yield two settings and their port, wherever two name the same one on the same address."""
    for (first, (host, port)), (second, (other_host, other_port)) in itertools.combinations(wanted.items(), 2):
        if port != 0 and port == other_port and _share_address(host, other_host):
            yield first, second, port


def _share_address(host: str, other: str) -> bool:
    host, other = LOOPBACK_NAMES.get(host, host), LOOPBACK_NAMES.get(other, other)
    return host == other or bool(ANY_ADDRESS & {host, other})


def check_ports(configuration: "Configuration", report: "ReportProblem") -> None:
    """Report a listener whose two ports are the same: it can never start."""
    for first, second, port in equal_ports(listened_ports(configuration)):
        if {first, second} == OF_ONE_PROCESS:
            report(second, f"is {port}, as {first} is; give each its own (0 takes a free one)")


def shared_ports(configuration: "Configuration") -> Iterator[tuple[str, str]]:
    """Yield each setting whose port another part of the installation listens on too, and what is wrong.

    A part that runs alone, in a container with its own network, starts all the same: the listener and the workers do
    not check this. Beside the ports of `listened_ports`, the one that delivery takes counts, and that of a status page
    that the configuration mentions: `radtme status-page` serves it also where `radtme up` does not.
    """
    wanted = dict(listened_ports(configuration))
    workers, page = configuration.workers, configuration.status_page
    if workers.metrics_port:
        wanted[DELIVERY_METRICS] = (workers.metrics_host, workers.metrics_port + 1)
    if PAGE_PORT in configuration.origins:
        wanted[PAGE_PORT] = (page.host, page.port)
    for first, second, port in equal_ports(wanted):
        # The one to change is a setting of the file.
        changed, other = (first, second) if second == DELIVERY_METRICS else (second, first)
        yield changed, f"is {port}, as {other} is; on one machine each part needs its own port (0 takes a free one)"
