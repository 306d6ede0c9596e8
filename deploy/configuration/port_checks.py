"""The ports that the parts listen on, and whether two of them can be used together."""

import itertools
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from deploy.configuration.load import Configuration
    from deploy.configuration.network_checks import ReportProblem

ANY_ADDRESS = frozenset({"", "0.0.0.0", "::"})  # noqa: S104


def listened_ports(configuration: "Configuration") -> Mapping[str, tuple[str, int]]:
    """Return host and port by setting, of the parts that are enabled."""
    listener, workers, page = configuration.listener, configuration.workers, configuration.status_page
    wanted = {
        "listener.port": (listener.host, listener.port),
        "listener.metrics_port": (listener.metrics_host, listener.metrics_port),
        "workers.metrics_port": (workers.metrics_host, workers.metrics_port),
    }
    if configuration.sink.enabled:
        wanted["sink.port"] = (configuration.sink.host, configuration.sink.port)
    if page.enabled:
        wanted["status_page.port"] = (page.host, page.port)
    return wanted


def equal_ports(wanted: Mapping[str, tuple[str, int]]) -> Iterator[tuple[str, str, int]]:
    """Yield two settings and their port, wherever two name the same one on the same address."""
    for (first, (host, port)), (second, (other_host, other_port)) in itertools.combinations(wanted.items(), 2):
        if port != 0 and port == other_port and (host == other_host or ANY_ADDRESS & {host, other_host}):
            yield first, second, port


def check_ports(configuration: "Configuration", report: "ReportProblem") -> None:
    """Report a listener whose two ports are the same: it can never start."""
    for first, second, port in equal_ports(listened_ports(configuration)):
        if {first, second} == {"listener.port", "listener.metrics_port"}:
            report(second, f"is {port}, as {first} is; give each its own (0 takes a free one)")


def shared_ports(configuration: "Configuration") -> Iterator[str]:
    """Yield a warning for parts with the same port: in containers of their own they work, on one machine not."""
    for first, second, port in equal_ports(listened_ports(configuration)):
        if {first, second} != {"listener.port", "listener.metrics_port"}:
            yield f"{first} and {second} are both {port}: on one machine only one of them can start"
