"""Serves the status page over HTTP: two pages and a style sheet, for GET and HEAD; nothing changes anything."""

import base64
import contextlib
import hmac
import json
import threading
from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from deploy.configuration.sections import StatusPageSettings
from deploy.operations.status_text import as_json
from deploy.status_page.overview import STATE_TEXTS, Pages
from deploy.terminal import age, due, duration, size
from workers.scoring.case_result import shown_score

REFRESH_SECONDS = 30
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
HTML, CSS, JSON = "text/html; charset=utf-8", "text/css; charset=utf-8", "application/json"
HEALTH_PATH = "/healthz"
"""Answered to everyone: an orchestrator knows no password."""
CLIENT_SECONDS = 10.0
"""How long a client may be silent."""


class StatusPage:
    """Serves until it is stopped."""

    def __init__(self, settings: StatusPageSettings, pages: Pages, password: str | None) -> None:
        wanted = None
        if password is not None:
            wanted = b"Basic " + base64.b64encode(f"{settings.username}:{password}".encode())

        class Handler(_Handler):
            content = _Content(pages)
            authorization = wanted

        self._server = ThreadingHTTPServer((settings.host, settings.port), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), name="status page", daemon=True)

    @property
    def port(self) -> int:
        """The port that is listened on."""
        port: int = self._server.server_address[1]
        return port

    def start(self) -> None:
        """Begin to serve."""
        self._thread.start()

    def stop(self) -> None:
        """Stop serving and free the port."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()


class _Content:
    """What there is, by path."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages
        self._style = (Path(__file__).parent / "style.css").read_bytes()
        self._templates = Environment(
            loader=PackageLoader("deploy.status_page"),
            autoescape=select_autoescape(default=True),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.filters |= {
            "age": age,
            "due": due,
            "duration": duration,
            "size": size,
            "local_time": _local_time,
        }
        self._templates.globals |= {
            "words": STATE_TEXTS,
            "shown_score": shown_score,
            "REFRESH_SECONDS": REFRESH_SECONDS,
        }

    def answer(self, target: str) -> tuple[HTTPStatus, str, bytes]:
        """Return the status, the type and the body for a path with its query."""
        parts = urlsplit(target)
        refresh = "refresh" in parse_qs(parts.query, keep_blank_values=True)
        match parts.path.strip("/").split("/"):
            case [""]:
                overview = self._pages.overview()
                patients = {
                    case.job_id: self._pages.patient(case) for case in (*overview.open_cases, *overview.finished)
                }
                return self._page("overview.html", overview=overview, patients=patients, refresh=refresh)
            case ["cases", job_id]:
                case_found = self._pages.case(job_id)
                if case_found is not None:
                    patient = self._pages.patient(case_found)
                    return self._page("case.html", case=case_found, patient=patient, refresh=refresh)
            case ["status.json"]:
                body = json.dumps(as_json(self._pages.overview()), indent=1)
                return HTTPStatus.OK, JSON, body.encode()
            case ["style.css"]:
                return HTTPStatus.OK, CSS, self._style
        return self._page("missing.html", HTTPStatus.NOT_FOUND, refresh=False)

    def _page(self, name: str, status: HTTPStatus = HTTPStatus.OK, **values: object) -> tuple[HTTPStatus, str, bytes]:
        return status, HTML, self._templates.get_template(name).render(**values).encode()


class _Handler(BaseHTTPRequestHandler):
    content: _Content
    authorization: bytes | None
    timeout = CLIENT_SECONDS
    server_version = "radtme"
    sys_version = ""

    def do_GET(self) -> None:
        self._answer(self.wfile.write)

    def do_HEAD(self) -> None:
        self._answer(len)

    def _answer(self, send: Callable[[bytes], int]) -> None:
        if self.path == HEALTH_PATH:
            status, kind, body = HTTPStatus.OK, "text/plain", b"ok\n"
        elif not self._is_known():
            status, kind, body = HTTPStatus.UNAUTHORIZED, "text/plain", b"user name and password, please\n"
        else:
            status, kind, body = self.content.answer(self.path)
        with contextlib.suppress(ConnectionError):  # a reader that went away
            self.send_response(status)
            if status is HTTPStatus.UNAUTHORIZED:
                self.send_header("WWW-Authenticate", 'Basic realm="radtme", charset="UTF-8"')
            for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **HEADERS}.items():
                self.send_header(name, value)
            self.end_headers()
            send(body)

    def _is_known(self) -> bool:
        if self.authorization is None:
            return True
        given = self.headers.get("Authorization", "").encode("latin-1", errors="replace")
        return hmac.compare_digest(given, self.authorization)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        """Say nothing: a reader is no event."""


def _local_time(moment: datetime | None) -> str:
    return moment.astimezone().isoformat(" ", timespec="seconds") if moment else ""
