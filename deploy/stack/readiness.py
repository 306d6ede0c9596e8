"""Whether a part of the stack is ready: its ``/readyz``, as an orchestrator asks it."""

import json
import socket
from collections.abc import Callable
from http.client import HTTPConnection, HTTPException
from typing import Any

PROBE_SECONDS = 2.0


def reachable_host(host: str) -> str:
    """Return where a server that listens on ``host`` is reached from its own machine."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)  # noqa: S104


def http_ready(host: str, port: int) -> Callable[[], bool]:
    """Return a probe that is true when ``/readyz`` answers 200."""
    return lambda: _readyz(host, port)[0]


def port_ready(host: str, port: int) -> Callable[[], bool]:
    """Return a probe that is true when something accepts connections."""

    def probe() -> bool:
        try:
            socket.create_connection((reachable_host(host), port), PROBE_SECONDS).close()
        except OSError:
            return False
        return True

    return probe


def failing_checks(host: str, port: int) -> str:
    """Return the failing checks of ``/readyz`` as text; empty where none fails."""
    fine, answer = _readyz(host, port)
    if fine:
        return ""
    checks = answer.get("checks", {})
    failing = [
        f"{name} ({check['detail']})" if check["detail"] else name for name, check in checks.items() if not check["ok"]
    ]
    return ", ".join(failing) or "does not answer"


def _readyz(host: str, port: int) -> tuple[bool, dict[str, Any]]:
    connection = HTTPConnection(reachable_host(host), port, timeout=PROBE_SECONDS)
    try:
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        return answer.status == 200, json.loads(answer.read())
    except (OSError, HTTPException, ValueError):
        return False, {}
    finally:
        connection.close()
