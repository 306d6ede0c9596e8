"""TCP ports of the one-machine stack: free ones where 0 is configured, and an error where one is taken."""

import errno
import random
import socket
from collections import deque
from collections.abc import Mapping
from pathlib import Path

from deploy.configuration.environment import environment_variable
from deploy.configuration.port_checks import equal_ports, listened_ports
from deploy.configuration.settings import Configuration
from deploy.errors import CommandError

FIRST_FREE_PORT = 20_000
"""Above the defaults of common services, and the ports that browsers refuse."""
MAX_PORT = 65535
OUTGOING_PORTS = Path("/proc/sys/net/ipv4/ip_local_port_range")
FEWEST_PORTS = 1000
"""Below the range of outgoing connections, so that ports are taken from there."""
TRIES = 100
_recently_drawn: deque[int] = deque(maxlen=100)
"""A caller may draw several ports before it listens on the first."""


def free_port(host: str = "127.0.0.1") -> int:
    """Return a port of ``host`` that no process listens on now, and that this process did not draw lately.

    It lies below the ports that the kernel gives to outgoing connections: until a server listens there, no connection
    that another program opens can take it.
    """
    for port in random.sample(_ports_for_servers(), TRIES):
        if port in _recently_drawn:
            continue
        with _socket(host) as probe:
            try:
                probe.bind((host, port))
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise
                continue
        _recently_drawn.append(port)
        return port
    raise OSError(errno.EADDRINUSE, f"{TRIES} ports of {host}, drawn at random, were all taken")


def _ports_for_servers() -> range:
    """Return the ports from `FIRST_FREE_PORT` to the range of outgoing connections; all above, where too few remain."""
    try:
        first_outgoing: int = int(OUTGOING_PORTS.read_text(encoding="ascii").split()[0])
    except (OSError, ValueError, IndexError):  # no Linux, or no /proc
        first_outgoing = MAX_PORT + 1
    below = range(FIRST_FREE_PORT, first_outgoing)
    return below if len(below) >= FEWEST_PORTS else range(FIRST_FREE_PORT, MAX_PORT + 1)


def port_overrides(configuration: Configuration) -> Mapping[str, str]:
    """Return, as environment variables, a free port for each one that is configured as 0.

    Raises
    ------
    CommandError
        If a port that is configured is taken, or two parts are to listen on the same one.
    """
    wanted = listened_ports(configuration)
    require_apart(wanted)
    chosen: dict[str, str] = {}
    for setting, (host, port) in wanted.items():
        if port == 0:
            chosen[environment_variable(setting)] = str(free_port(host))
        else:
            require_free(setting, host, port)
    return chosen


def require_apart(wanted: Mapping[str, tuple[str, int]]) -> None:
    """Check that no two of the settings name the same port.

    Raises
    ------
    CommandError
        If two do, with both.
    """
    for first, second, port in equal_ports(wanted):
        raise CommandError(f"{first} and {second} are both {port}", "give each its own (0 takes a free one)")


def delivery_metrics_port(configuration: Configuration) -> int:
    """Return the port of the delivery workers' metrics: the one above that of the scoring workers, or a free one.

    Raises
    ------
    CommandError
        If it is taken.
    """
    workers, listener = configuration.workers, configuration.listener
    if workers.metrics_port == 0:
        return free_port(workers.metrics_host)
    port = workers.metrics_port + 1
    setting = "workers.metrics_port (delivery takes the one above it)"
    page = configuration.status_page.port if configuration.status_page.enabled else 0
    sink = configuration.sink.port if configuration.sink.enabled else 0
    if port in (listener.port, listener.metrics_port, page, sink) or port > MAX_PORT:
        raise CommandError(f"port {port} cannot be used for the metrics of delivery", f"set another {setting}")
    require_free(setting, workers.metrics_host, port)
    return port


def require_free(setting: str, host: str, port: int) -> None:
    """Check that a server of ours can listen on a port; 0 is always fine.

    Raises
    ------
    CommandError
        If it cannot, with the setting that names the port.
    """
    try:
        with _socket(host) as probe:
            probe.bind((host, port))
    except OSError as error:
        taken = error.errno == errno.EADDRINUSE
        why = "is taken by another program" if taken else f"cannot be used: {error.strerror}"
        raise CommandError(
            f"port {port} of {host} {why}", f"free it, or set another {setting} (0 takes a free one)"
        ) from error


def _socket(host: str) -> socket.socket:
    probe = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    # As the servers do: a connection that has just ended does not keep the port.
    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    return probe
