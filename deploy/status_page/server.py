"""Serves the status page over HTTP: its pages and a style sheet, for GET and HEAD; all of it is read-only."""

import base64
import hmac
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from email.message import Message
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from deploy.configuration.sections import StatusPageSettings
from deploy.operations.job_text import score_words
from deploy.operations.status_text import as_json
from deploy.status_page.overview import STATE_TEXTS, Pages
from deploy.status_page.search import BEFORE, FIELDS, CaseSearch, NotUnderstood
from deploy.terminal import age, due, duration, size
from listener.ledger.database import LedgerUnavailable
from listener.runtime.http_server import HttpServer, Response

REFRESH_SECONDS = 30
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
HTML, CSS, JSON = "text/html; charset=utf-8", "text/css; charset=utf-8", "application/json"
HEALTH_PATH = "/healthz"
"""Answered without a password, for orchestrators."""


class StatusPage(HttpServer):
    """Serves the pages; asks for the password where one is configured."""

    def __init__(self, settings: StatusPageSettings, pages: Pages, password: str | None) -> None:
        super().__init__(settings.host, settings.port, "status page", self._response)
        self._content = _Content(pages)
        self._authorization = None
        if password is not None:
            self._authorization = b"Basic " + base64.b64encode(f"{settings.username}:{password}".encode())

    def _response(self, target: str, headers: Message) -> Response:
        if target == HEALTH_PATH:
            return Response(b"ok\n", headers=HEADERS)
        if not self._is_known(headers.get("Authorization", "")):
            asked = HEADERS | {"WWW-Authenticate": 'Basic realm="radtme", charset="UTF-8"'}
            return Response(b"user name and password, please\n", status=HTTPStatus.UNAUTHORIZED, headers=asked)
        return self._content.answer(target)

    def _is_known(self, given: str) -> bool:
        if self._authorization is None:
            return True
        return hmac.compare_digest(given.encode("latin-1", errors="replace"), self._authorization)


class _Content:
    """The responses by path."""

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
            "score_words": score_words,
            "REFRESH_SECONDS": REFRESH_SECONDS,
        }

    def answer(self, target: str) -> Response:
        """Return the response to a path with its query."""
        try:
            return self._answer(target)
        except LedgerUnavailable as error:
            reason = f"The database of the ledger cannot be used: {error.strerror}.\n"
            return Response(reason.encode(), status=HTTPStatus.SERVICE_UNAVAILABLE, headers=HEADERS)

    def _answer(self, target: str) -> Response:
        parts = urlsplit(target)
        refresh = "refresh" in parse_qs(parts.query, keep_blank_values=True)
        match parts.path.strip("/").split("/"):
            case [""]:
                overview = self._pages.overview()
                patients = {
                    case.job_id: self._pages.patient(case) for case in (*overview.open_cases, *overview.finished)
                }
                return self._page("overview.html", overview=overview, patients=patients, refresh=refresh)
            case ["cases"]:
                return self._search(parse_qs(parts.query))
            case ["cases", job_id]:
                case_found = self._pages.case(job_id)
                if case_found is not None:
                    patient = self._pages.patient(case_found)
                    return self._page("case.html", case=case_found, patient=patient, refresh=refresh)
            case ["status.json"]:
                body = json.dumps(as_json(self._pages.overview()), indent=1)
                return Response(body.encode(), JSON, headers=HEADERS)
            case ["style.css"]:
                return Response(self._style, CSS, headers=HEADERS)
        return self._page("missing.html", HTTPStatus.NOT_FOUND, refresh=False)

    def _search(self, query: Mapping[str, Sequence[str]]) -> Response:
        values: dict[str, Any] = {"cases": (), "patients": {}, "older": "", "begun": BEFORE in query, "fault": ""}
        values |= {"entered": {name: query.get(name, [""])[-1] for name in FIELDS}, "first": ""}
        status = HTTPStatus.OK
        try:
            search = CaseSearch.of(query)
            values["cases"], values["older"] = self._pages.search(search)
            values["patients"] = {case.job_id: self._pages.patient(case) for case in values["cases"]}
            values["first"] = urlencode({name: value for name, value in search.entered.items() if value})
        except NotUnderstood as error:
            values["fault"], status = str(error), HTTPStatus.BAD_REQUEST
        return self._page("search.html", status, refresh=False, targets=self._pages.target_names, **values)

    def _page(self, name: str, status: HTTPStatus = HTTPStatus.OK, **values: object) -> Response:
        return Response(self._templates.get_template(name).render(**values).encode(), HTML, status, HEADERS)


def _local_time(moment: datetime | None) -> str:
    return moment.astimezone().isoformat(" ", timespec="seconds") if moment else ""
