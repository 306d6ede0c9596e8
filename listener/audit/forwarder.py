"""A copy of the audit trail to a syslog server over TLS (RFC 5425, PS3.15 section A.6).

The files are the queue: the position up to which they were sent is on disk; what follows it is sent until it is known
to have left. Syslog has no acknowledgement, so a message counts as sent when the server's machine has taken its bytes
and the connection has held for a while after that. What was under way when it broke is sent again: a message may come
twice, with the same bytes. Nothing waits for the server: intake and scoring write to the files alone.
"""

import fcntl
import socket
import ssl
import struct
import termios
import threading
import time
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from listener.audit.trail import audit_files, file_number
from listener.runtime.logger import Logger
from listener.settings import AuditSettings, SyslogServer
from listener.spool.atomic_files import read_json, write_json
from listener.spool.locks import exclusive
from listener.tls.certificates import CredentialFileError
from listener.tls.contexts import client_context

log = Logger(__name__)

POSITION_NAME = "forwarded.json"
LOCK_NAME = "forward.lock"
CONNECT_SECONDS = 10.0
SEND_SECONDS = 30.0
HELD_SECONDS = 2.0
"""A message counts as delivered when its connection has stayed open this long after the server's machine took it."""
POLL_SECONDS = 0.5
MIN_WAIT_SECONDS, MAX_WAIT_SECONDS = 1.0, 300.0
CHUNK_BYTES = 256 * 1024


@dataclass(frozen=True, order=True)
class TrailPosition:
    """A position in the trail: the number of a file and an offset in bytes."""

    file: int = 0
    offset: int = 0


def read_position(folder: Path) -> TrailPosition:
    """Return the position up to which the trail has been forwarded."""
    try:
        content = read_json(folder / POSITION_NAME)
        return TrailPosition(int(content["file"]), int(content["offset"]))
    except (OSError, ValueError, KeyError, TypeError):
        return TrailPosition()


def lines_after(folder: Path, position: TrailPosition) -> list[tuple[bytes, TrailPosition]]:
    """Return the next whole lines, each with the position after it."""
    for path in audit_files(folder):
        number = file_number(path)
        if number < position.file:
            continue
        offset = position.offset if number == position.file else 0
        with open(path, "rb") as file:
            file.seek(offset)
            chunk = file.read(CHUNK_BYTES)
            while b"\n" not in chunk and (more := file.read(CHUNK_BYTES)):
                chunk += more
        found = []
        for line in _whole_lines(chunk):
            offset += len(line)
            found.append((line[:-1], TrailPosition(number, offset)))
        if found:
            return found
    return []


def _whole_lines(chunk: bytes) -> list[bytes]:
    return [line + b"\n" for line in chunk.split(b"\n")[:-1]]


def backlog_bytes(folder: Path) -> int:
    """Return how much of the trail has not been forwarded yet."""
    position = read_position(folder)
    sizes = {file_number(path): path.stat().st_size for path in audit_files(folder)}
    return sum(size for number, size in sizes.items() if number >= position.file) - (
        min(position.offset, sizes.get(position.file, 0))
    )


class Forwarder:
    """Sends the trail of one folder to one server, in a thread of its own. One process at a time does it."""

    def __init__(self, folder: Path, server: SyslogServer) -> None:
        self._folder = folder
        self._server = server
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="audit-forwarder", daemon=True)
        self.is_connected = False

    def start(self) -> None:
        """Start to forward."""
        self._thread.start()

    def stop(self) -> None:
        """Send what the server takes at once, then stop; the rest is sent after the next start."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(HELD_SECONDS + 3.0)

    def _run(self) -> None:
        wait = MIN_WAIT_SECONDS
        while not self._stopping.is_set():
            began = time.monotonic()
            with suppress(FileNotFoundError), exclusive(self._folder, LOCK_NAME) as mine:
                if mine:
                    self._forward()
            if time.monotonic() - began > MAX_WAIT_SECONDS:
                wait = MIN_WAIT_SECONDS
            self._stopping.wait(wait)
            wait = min(2 * wait, MAX_WAIT_SECONDS)

    def _forward(self) -> None:
        """Forward until the connection breaks or we are to stop."""
        where = f"{self._server.host}:{self._server.port}"
        try:
            with _connection(self._server) as connection:
                self.is_connected = True
                log.info("audit_forwarding", server=where)
                _Sending(self._folder, connection, self._stopping).run()
        except (OSError, CredentialFileError) as error:
            reason = str(error) if isinstance(error, CredentialFileError) else _error_text(error)
            log.warning("audit_server_unreachable", server=where, reason=reason)
        finally:
            self.is_connected = False


class _Sending:
    """The messages in flight on one connection."""

    def __init__(self, folder: Path, connection: ssl.SSLSocket, stopping: threading.Event) -> None:
        self._folder = folder
        self._connection = connection
        self._stopping = stopping
        self._under_way: deque[tuple[float, TrailPosition]] = deque()
        self._position = read_position(folder)

    def run(self) -> None:
        while True:
            lines = lines_after(self._folder, self._position)
            if lines:
                self._connection.settimeout(SEND_SECONDS)
                messages = [line for line, _ in lines if line]
                self._connection.sendall(b"".join(b"%d %s" % (len(message), message) for message in messages))
                self._position = lines[-1][1]
            self._check_connection()
            now = time.monotonic()
            if lines:
                self._under_way.append((now, self._position))
            if _taken_by_peer(self._connection):
                self._confirm(now - HELD_SECONDS)
            if self._stopping.is_set() and not lines:
                self._send_remaining()
                return
            if not lines:
                self._stopping.wait(POLL_SECONDS)

    def _send_remaining(self) -> None:
        """Wait briefly for messages in flight, so that the next start need not send them again."""
        deadline = time.monotonic() + HELD_SECONDS + 1.0
        while self._under_way and time.monotonic() < deadline:
            time.sleep(0.1)
            self._check_connection()
            if _taken_by_peer(self._connection):
                self._confirm(time.monotonic() - HELD_SECONDS)

    def _confirm(self, sent_before: float) -> None:
        confirmed = None
        while self._under_way and self._under_way[0][0] <= sent_before:
            confirmed = self._under_way.popleft()[1]
        if confirmed is not None:
            write_json(self._folder / POSITION_NAME, {"file": confirmed.file, "offset": confirmed.offset})

    def _check_connection(self) -> None:
        """Raise if the server has closed or reset the connection; a syslog server never sends data."""
        self._connection.settimeout(0.0)
        with suppress(ssl.SSLWantReadError, BlockingIOError):
            if not self._connection.recv(4096):
                raise ConnectionResetError(104, "closed by the server")


def _connection(server: SyslogServer) -> ssl.SSLSocket:
    context = client_context(server.tls)
    plain = socket.create_connection((server.host, server.port), CONNECT_SECONDS)
    try:
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        return context.wrap_socket(plain, server_hostname=server.host)
    except BaseException:
        plain.close()
        raise


def _taken_by_peer(connection: ssl.SSLSocket) -> bool:
    """Return whether the other machine has acknowledged every byte (SIOCOUTQ, tcp(7))."""
    left = fcntl.ioctl(connection.fileno(), termios.TIOCOUTQ, b"\0" * 4)
    return bool(struct.unpack("i", left)[0] == 0)


def _error_text(error: OSError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not accepted: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"TLS: {error.reason}"
    return error.strerror or type(error).__name__


class ForwardingCollector(Collector):
    """The backlog of the copy, read from disk at each scrape."""

    def __init__(self, folder: Path, forwarder: Forwarder) -> None:
        self._folder = folder
        self._forwarder = forwarder

    def collect(self) -> Iterable[Metric]:
        """Yield the backlog and whether there is a connection."""
        with suppress(OSError):
            yield GaugeMetricFamily(
                "radtme_audit_backlog_bytes",
                "How much of the audit trail has not yet reached the syslog server?",
                value=backlog_bytes(self._folder),
            )
        yield GaugeMetricFamily(
            "radtme_audit_server_connected",
            "Does this process forward the audit trail now? Only one of several listeners does.",
            value=float(self._forwarder.is_connected),
        )


def forwarder(settings: AuditSettings | None, registry: CollectorRegistry) -> Forwarder | None:
    """Return the forwarder of the trail where the settings name a server; ``registry`` gets its metrics."""
    if settings is None or not settings.enabled or settings.syslog is None:
        return None
    made = Forwarder(settings.folder, settings.syslog)
    registry.register(ForwardingCollector(settings.folder, made))
    return made
