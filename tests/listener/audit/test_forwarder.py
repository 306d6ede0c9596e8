"""The copy of the trail to a syslog server over TLS: everything, in order, whatever the server does meanwhile."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import listener.audit.forwarder as forwarding
from listener.audit.events import audit_log_used
from listener.audit.forwarder import Forwarder, TrailPosition, backlog_bytes, read_position
from listener.audit.trail import AuditLog, audit_files
from listener.settings import AuditSettings, ClientTls, ServerTls
from listener.settings import SyslogServer as SyslogSettings
from support.certificates import Authority, Issued
from support.processes import free_port, wait_until
from support.syslog_server import syslog_server

LONG = 120.0
Forward = Callable[[int], Forwarder]


@pytest.fixture(scope="module")
def server_certificate(tmp_path_factory: pytest.TempPathFactory) -> Issued:
    """Return the certificate of the syslog server."""
    return Authority(tmp_path_factory.mktemp("ca")).issue("syslog", hosts=("127.0.0.1", "localhost"))


@pytest.fixture
def tls(server_certificate: Issued) -> ServerTls:
    """Return what the server presents; it asks us for a certificate too."""
    return server_certificate.server()


@pytest.fixture
def trail(tmp_path: Path) -> AuditLog:
    """Return a trail of small files."""
    return AuditLog(AuditSettings(tmp_path / "audit", max_bytes=4000))


@pytest.fixture
def forward(tmp_path: Path, server_certificate: Issued, monkeypatch: pytest.MonkeyPatch) -> Iterator[Forward]:
    """Return a function that starts to forward to a port; short waits."""
    monkeypatch.setattr(forwarding, "MAX_WAIT_SECONDS", 1.0)
    monkeypatch.setattr(forwarding, "MIN_WAIT_SECONDS", 0.1)
    monkeypatch.setattr(forwarding, "POLL_SECONDS", 0.05)
    monkeypatch.setattr(forwarding, "HELD_SECONDS", 0.5)
    started: list[Forwarder] = []

    def start(port: int) -> Forwarder:
        client = SyslogSettings("127.0.0.1", server_certificate.client(), port)
        started.append(Forwarder(tmp_path / "audit", client))
        started[-1].start()
        return started[-1]

    yield start
    for one in started:
        one.stop()


def written(tmp_path: Path) -> list[bytes]:
    """Return the messages of the trail, in order."""
    return [line for path in audit_files(tmp_path / "audit") for line in path.read_bytes().split(b"\n")[:-1]]


def test_every_message_arrives_byte_for_byte_in_order(
    trail: AuditLog, tls: ServerTls, forward: Forward, tmp_path: Path
) -> None:
    """Over several files, what was there before and what comes later: each frame is a line of the file."""
    for number in range(20):
        trail.write(audit_log_used(f"before-{number}"))
    with syslog_server(tls) as server:
        forward(server.port)
        for number in range(20):
            trail.write(audit_log_used(f"after-{number}"))
        wait_until(lambda: len(server.frames) >= 40, LONG, "all messages at the server")
        assert server.frames == written(tmp_path)
        wait_until(lambda: backlog_bytes(tmp_path / "audit") == 0, LONG, "everything known to have left")


def test_server_that_is_away_loses_nothing(trail: AuditLog, tls: ServerTls, forward: Forward, tmp_path: Path) -> None:
    """The server is absent at first, then dies twice: in the end it has every message, some perhaps twice."""
    port = free_port()
    forward(port)
    got: list[bytes] = []
    for round_ in range(3):
        for number in range(15):
            trail.write(audit_log_used(f"{round_}-{number}"))
        with syslog_server(tls, port) as server:
            wait_until(lambda: server.frames, LONG, "the first messages")
        got += server.frames
    with syslog_server(tls, port) as server:
        wait_until(lambda: set(written(tmp_path)) <= {*got, *server.frames}, LONG, "every message")
        assert list(dict.fromkeys([*got, *server.frames])) == written(tmp_path)


def test_restart_goes_on_where_it_was(trail: AuditLog, tls: ServerTls, forward: Forward, tmp_path: Path) -> None:
    """An orderly stop sends nothing twice after the next start."""
    trail.write(audit_log_used("first"))
    with syslog_server(tls) as server:
        first = forward(server.port)
        wait_until(lambda: server.frames, LONG, "the first message")
        first.stop()
        assert read_position(tmp_path / "audit") == TrailPosition(
            1, (tmp_path / "audit" / "audit-000001.log").stat().st_size
        )
        trail.write(audit_log_used("second"))
        forward(server.port)
        wait_until(lambda: len(server.frames) >= 2, LONG, "the second message")
        assert server.frames == written(tmp_path)


def test_writing_never_waits_for_a_server_that_takes_nothing(trail: AuditLog, forward: Forward, tmp_path: Path) -> None:
    """A server that accepts and never reads: messages are still written, and none counts as forwarded."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as silent:
        forward(int(silent.getsockname()[1]))
        done = threading.Event()

        def write() -> None:
            for number in range(50):
                trail.write(audit_log_used(str(number)))
            done.set()

        threading.Thread(target=write, daemon=True).start()
        assert done.wait(LONG)
        assert len(written(tmp_path)) == 50
        assert read_position(tmp_path / "audit") == TrailPosition()


def test_server_without_the_right_certificate_gets_nothing(
    trail: AuditLog, tls: ServerTls, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server whose certificate another authority signed: not one byte of the trail, which names patients."""
    monkeypatch.setattr(forwarding, "MIN_WAIT_SECONDS", 0.1)
    trail.write(audit_log_used("secret"))
    other = Authority(tmp_path / "other").issue("client")
    with syslog_server(tls) as server:
        said: list[str] = []
        monkeypatch.setattr(forwarding.log, "warning", lambda event, **fields: said.append(fields["reason"]))
        one = Forwarder(tmp_path / "audit", SyslogSettings("127.0.0.1", ClientTls(other.ca), server.port))
        one.start()
        wait_until(lambda: said, LONG, "a complaint")
        one.stop()
        assert "its certificate is not accepted" in said[0]
        assert server.frames == []
