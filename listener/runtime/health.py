"""A small HTTP server for ``/metrics``, ``/healthz`` and ``/readyz``. The worker uses it too."""

import contextlib
import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest


@dataclass(frozen=True)
class Check:
    """The outcome of one named check."""

    ok: bool
    detail: str = ""
    required: bool = True
    """False: shown, but does not decide."""


Checks = Callable[[], Mapping[str, Check | bool]]
"""Returns the outcome of each check by name; a bare truth value is a required check without detail."""


def report(outcomes: Mapping[str, Check | bool]) -> tuple[bool, bytes]:
    """Return whether every required check is fine, and the JSON that says it check by check."""
    checks = {name: Check(outcome) if isinstance(outcome, bool) else outcome for name, outcome in outcomes.items()}
    fine = all(check.ok for check in checks.values() if check.required)
    body = {
        "status": "ok" if fine else "failing",
        "checks": {name: asdict(check) for name, check in sorted(checks.items())},
    }
    return fine, (json.dumps(body, indent=1) + "\n").encode()


class HealthServer:
    """Serves metrics and checks until it is stopped."""

    def __init__(self, host: str, port: int, registry: CollectorRegistry, liveness: Checks, readiness: Checks) -> None:
        class Handler(_Handler):
            metrics = staticmethod(lambda: generate_latest(registry))
            checks = {"/healthz": liveness, "/readyz": readiness}  # noqa: RUF012 - set once, read only

        self._server = ThreadingHTTPServer((host, port), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), name="health", daemon=True)

    @property
    def port(self) -> int:
        """The port that is listened on."""
        port: int = self._server.server_address[1]
        return port

    def start(self) -> None:
        """Begin to serve."""
        self._thread.start()

    def stop_serving(self) -> None:
        """Close the port in a process that was forked while this one serves: it must not outlive the server."""
        self._server.socket.close()

    def stop(self) -> None:
        """Stop serving and free the port."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    metrics: Callable[[], bytes]
    checks: Mapping[str, Checks]
    timeout = 10.0
    """Seconds that a client may be silent."""

    def do_GET(self) -> None:
        path = self.path.split("?")[0]
        if path == "/metrics":
            self._answer(HTTPStatus.OK, CONTENT_TYPE_LATEST, type(self).metrics())
        elif path in self.checks:
            fine, body = report(type(self).checks[path]())
            self._answer(HTTPStatus.OK if fine else HTTPStatus.SERVICE_UNAVAILABLE, "application/json", body)
        else:
            self._answer(HTTPStatus.NOT_FOUND, "text/plain", b"/metrics, /healthz, /readyz\n")

    def _answer(self, status: HTTPStatus, content_type: str, body: bytes) -> None:
        with contextlib.suppress(ConnectionError):  # a probe that gave up before it was answered
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        """Say nothing: a scrape is no event."""
