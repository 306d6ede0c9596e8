"""The HTTP side: metrics, liveness, readiness."""

import contextlib
import json
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.client import HTTPConnection

import pytest
from prometheus_client import CollectorRegistry, Counter

from listener.runtime import http_server
from listener.runtime.health import Check, HealthServer, report


@pytest.fixture
def server() -> Iterator[HealthServer]:
    """Run a server that is alive and not ready."""
    registry = CollectorRegistry()
    Counter("radtme_test_total", "Does it count?", registry=registry).inc(3)
    server = HealthServer(
        "127.0.0.1",
        0,
        registry,
        liveness=lambda: {"loop": Check(True)},
        readiness=lambda: {"disk": Check(False, "1 byte free"), "redis": Check(False, required=False)},
    )
    server.start()
    yield server
    server.stop()


def get(server: HealthServer, path: str) -> tuple[int, str]:
    """Return status and body."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{server.port}{path}", timeout=60) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_metrics_and_checks_are_served(server: HealthServer) -> None:
    """200 where it is fine, 503 with the named check where it is not, 404 for the rest."""
    assert get(server, "/healthz")[0] == 200
    status, body = get(server, "/readyz")
    assert status == 503
    assert json.loads(body)["checks"]["disk"] == {"ok": False, "detail": "1 byte free", "required": True}
    assert "radtme_test_total 3.0" in get(server, "/metrics")[1]
    assert get(server, "/etc/passwd")[0] == 404


def test_only_required_checks_decide() -> None:
    """Redis is shown and does not make the intake unready; a bare truth value is a required check."""
    assert report({"disk": True, "redis": Check(False, required=False)})[0]
    assert not report({"disk": False})[0]


@pytest.mark.parametrize("sent", [b"", b"GET /healthz HT"])
def test_a_silent_client_is_hung_up_on(server: HealthServer, sent: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each holds a thread: one that says nothing, or stops in its first line, gives it back. Others are served."""
    monkeypatch.setattr(http_server._Handler, "timeout", 2.0)
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as client:
        client.sendall(sent)
        assert get(server, "/healthz")[0] == 200
        assert client.recv(1) == b""


def test_the_answer_to_head_has_no_body_and_nobody_learns_which_python_serves(server: HealthServer) -> None:
    """Probes may use HEAD; the version of Python would help an attacker."""
    with contextlib.closing(HTTPConnection("127.0.0.1", server.port, timeout=60)) as connection:
        connection.request("HEAD", "/healthz")
        response = connection.getresponse()
        assert int(response.headers["Content-Length"]) > 0
        assert response.read() == b""
        assert response.headers["Server"].strip() == "radtme"
