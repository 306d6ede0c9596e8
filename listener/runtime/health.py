"""Metrics and health over HTTP: ``/metrics``, ``/healthz`` and ``/readyz``. The worker uses it too."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from email.message import Message
from http import HTTPStatus

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from listener.runtime.http_server import HttpServer, Response


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
    """Return whether every required check passes, and the JSON of all checks."""
    checks = {name: Check(outcome) if isinstance(outcome, bool) else outcome for name, outcome in outcomes.items()}
    fine = all(check.ok for check in checks.values() if check.required)
    body = {
        "status": "ok" if fine else "failing",
        "checks": {name: asdict(check) for name, check in sorted(checks.items())},
    }
    return fine, (json.dumps(body, indent=1) + "\n").encode()


class HealthServer(HttpServer):
    """Serves metrics and checks."""

    def __init__(self, host: str, port: int, registry: CollectorRegistry, liveness: Checks, readiness: Checks) -> None:
        super().__init__(host, port, "health", self._response)
        self._registry = registry
        self._checks = {"/healthz": liveness, "/readyz": readiness}

    def _response(self, target: str, _: Message) -> Response:
        path = target.split("?")[0]
        if path == "/metrics":
            return Response(generate_latest(self._registry), CONTENT_TYPE_LATEST)
        if path in self._checks:
            fine, body = report(self._checks[path]())
            return Response(body, "application/json", HTTPStatus.OK if fine else HTTPStatus.SERVICE_UNAVAILABLE)
        return Response(b"/metrics, /healthz, /readyz\n", status=HTTPStatus.NOT_FOUND)
