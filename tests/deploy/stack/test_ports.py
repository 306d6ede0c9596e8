"""Free ports: none that an outgoing connection may take before the server listens."""

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from deploy.stack import ports


def test_a_free_port_is_none_that_outgoing_connections_get(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel's own range is left to connections, whatever it is."""
    outgoing = tmp_path / "range"
    outgoing.write_text("22000\t60999\n", encoding="ascii")
    monkeypatch.setattr(ports, "OUTGOING_PORTS", outgoing)
    found = [ports.free_port() for _ in range(50)]
    assert all(20_000 <= port < 22_000 for port in found)
    assert len(set(found)) == 50


@pytest.mark.parametrize("text", ["1024\t65535\n", "", "none"])
def test_a_machine_without_ports_below_that_range_gets_any(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    """As in a container that gives all ports to outgoing connections, or without /proc."""
    outgoing = tmp_path / "range"
    outgoing.write_text(text, encoding="ascii")
    monkeypatch.setattr(ports, "OUTGOING_PORTS", outgoing)
    with socket.socket() as server:
        server.bind(("127.0.0.1", ports.free_port()))


def test_a_taken_port_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two ports, the one that a server holds is not returned."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        taken, free = server.getsockname()[1], ports.free_port()
        monkeypatch.setattr(ports.random, "sample", lambda population, count: [taken, free])
        ports._recently_drawn.clear()
        assert ports.free_port() == free
        with pytest.raises(OSError, match="were all taken"):
            ports.free_port()


def test_no_free_port_at_all_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rather than a port that the server cannot have."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        taken = server.getsockname()[1]
        monkeypatch.setattr(ports.random, "sample", lambda population, count: [taken])
        with pytest.raises(OSError, match="all taken"):
            ports.free_port()


def test_a_listener_whose_port_is_taken_names_the_setting(run_radtme: Callable[..., Any], tmp_path: Path) -> None:
    """In the words of `radtme up` and `radtme work`."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        (tmp_path / "radtme.yaml").write_text(f"data: .\nlistener: {{host: 127.0.0.1, port: {port}}}\n")
        done = run_radtme("listen", RADTME_REDIS_URL="redis://127.0.0.1:1/0")
    assert done.returncode == 1, done.stderr
    assert f"port {port} of 127.0.0.1 is taken by another program" in done.stderr
    assert "set another listener.port" in done.stderr
    assert "Errno" not in done.stderr
