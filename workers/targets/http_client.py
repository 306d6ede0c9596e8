"""HTTP with a DICOMweb or FHIR server or the webhook: one request, one bounded answer, no redirects, no proxies.

Client libraries for DICOMweb raise on a status of 4xx and discard what the server said about each object; they
follow redirects, take credentials from ``~/.netrc`` and proxies from the environment. urllib3 does none of it.
"""

import base64
import contextlib
import json
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError, NewConnectionError, SSLError
from urllib3.exceptions import TimeoutError as HttpTimeout

from listener.settings import ClientTls
from listener.tls.certificates import CredentialFileError, read_secret
from listener.tls.contexts import client_context
from listener.tls.diagnosis import tls_failure
from workers.errors import TransientFailure
from workers.targets.target import Target
from workers.targets.transport import TargetRefused

MAX_RESPONSE_BYTES = 1024**2
"""An answer is a list of a few references: a longer one is not read to its end."""
BUSY = frozenset({408, 425, 429, 502, 503, 504})
"""Statuses of a server that is too busy at the moment: the request can be repeated."""
_READ_BYTES = 64 * 1024


@dataclass(frozen=True)
class HttpResponse:
    """A server's response."""

    status: int
    body: bytes

    def json(self) -> Any:
        """Return the body as JSON, or None where it is none."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None


class HttpClient:
    """A connection to a server for the requests of one attempt. Close it afterwards."""

    def __init__(
        self, url: str, tls: ClientTls | None, timeout_seconds: float, headers: Mapping[str, str] | None = None
    ) -> None:
        """Raise `TransientFailure` if a file with certificates cannot be read. ``headers`` go with every request."""
        self._url, self._timeout_seconds, self._headers = url, timeout_seconds, headers or {}
        try:
            self._pool = _pool(url, tls)
        except CredentialFileError as error:
            raise TransientFailure(f"{url}: no request is possible: {error}") from error

    def __enter__(self) -> "HttpClient":
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.close()

    def request(self, method: str, path: str, headers: Mapping[str, str], body: bytes | None = None) -> HttpResponse:
        """Return the answer to one request.

        Raises
        ------
        TransientFailure
            If there is none, whole and in time.
        """
        seconds = self._timeout_seconds
        try:
            answer = self._pool.request(
                method,
                urlsplit(self._url).path.rstrip("/") + path or "/",
                body=body,
                headers={**self._headers, **headers, "Accept-Encoding": "identity"},
                redirect=False,
                retries=False,
                preload_content=False,
                timeout=urllib3.Timeout(connect=seconds, read=seconds),
            )
            try:
                return HttpResponse(answer.status, _body(answer, time.monotonic() + seconds))
            finally:
                answer.close()
        except (HTTPError, OSError, ValueError) as error:
            raise TransientFailure(f"{self._url} {_error_text(error)}") from error


def _body(answer: urllib3.BaseHTTPResponse, deadline: float) -> bytes:
    content = b""
    while chunk := answer.read1(_READ_BYTES):
        content += chunk
        if len(content) > MAX_RESPONSE_BYTES:
            raise ValueError("its answer is longer than any answer of this kind")
        if time.monotonic() > deadline:
            raise HttpTimeout
    return content


@contextlib.contextmanager
def _in_time(connection: HTTPConnection) -> Iterator[None]:
    """Close the connection where the block takes too long: a timeout for each read never ends with a slow peer."""
    opened = connection.sock
    overdue = threading.Event()

    def end() -> None:
        overdue.set()
        with contextlib.suppress(OSError):  # it has ended by itself
            opened.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(connection.timeout or 0, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        if overdue.is_set():  # also where half a head looks like a whole one
            raise TimeoutError


class _Connection(HTTPConnection):
    def getresponse(self) -> urllib3.HTTPResponse:  # type: ignore[override] # as in urllib3
        with _in_time(self):
            return super().getresponse()


class _SecureConnection(HTTPSConnection):
    def getresponse(self) -> urllib3.HTTPResponse:  # type: ignore[override] # as in urllib3
        with _in_time(self):
            return super().getresponse()


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


def _pool(url: str, tls: ClientTls | None) -> HTTPConnectionPool:
    parts = urlsplit(url)
    assert parts.hostname is not None  # noqa: S101 - the configuration was checked
    if tls is None:
        return _Pool(parts.hostname, parts.port)
    return _SecurePool(
        parts.hostname,
        parts.port,
        ssl_context=client_context(tls),
        assert_hostname=None if tls.check_hostname else False,
    )


def client_of(target: Target) -> HttpClient:
    """Return a connection to a target.

    Raises
    ------
    TransientFailure
        If a file with certificates or credentials cannot be read.
    """
    try:
        return HttpClient(target.url, target.tls, target.timeout_seconds, credentials(target))
    except CredentialFileError as error:
        raise TransientFailure(f"{target.url}: no request is possible: {error}") from error


def require_reached(target: Target, answer: HttpResponse, refusals: Mapping[int, str]) -> None:
    """Accept a response that concerns what was sent, not the sender or the server.

    Raises
    ------
    TargetRefused
        For a redirect, because credentials and patients' data go to the configured address only, and for a status in
        ``refusals``, which says what the server refuses.
    TransientFailure
        If the server is busy.
    """
    if 300 <= answer.status < 400:
        where = f"redirects to another address (HTTP {answer.status}): set url to the final address"
        raise TargetRefused(f"{target.url} {where}")
    if answer.status in refusals:
        raise TargetRefused(f"{target.url} {refusals[answer.status]} (HTTP {answer.status})")
    if answer.status in BUSY:
        raise TransientFailure(f"{target.url} is not available at the moment (HTTP {answer.status})")


def credentials(target: Target) -> dict[str, str]:
    """Return the authentication header; the files are read again for each attempt.

    Raises
    ------
    CredentialFileError
        If a file cannot be read, is readable for everyone, or holds something else than one line of ASCII.
    """
    if target.token_file is not None:
        return {"Authorization": f"Bearer {one_line(target.token_file)}"}
    if target.password_file is not None:
        pair = base64.b64encode(f"{target.user}:{one_line(target.password_file)}".encode()).decode()
        return {"Authorization": f"Basic {pair}"}
    return {}


def one_line(path: Path) -> str:
    """Return the one line of a file; no message quotes it."""
    secret = read_secret(path)
    if not secret.isprintable() or not secret.isascii():
        raise CredentialFileError(path, "expected one line of printable ASCII", "write it anew")
    return secret


def _error_text(error: Exception) -> str:
    """Describe an error without quoting the server."""
    if isinstance(error, SSLError):
        cause = error.args[0] if error.args else None
        why = tls_failure(cause) if isinstance(cause, ssl.SSLError) else "the TLS handshake failed"
        return f"no TLS connection is possible: {why}"
    if isinstance(error, NewConnectionError):
        return "cannot be reached"
    if isinstance(error, HttpTimeout):
        return "did not answer in time"
    if type(error) is ValueError:
        return str(error)
    return f"ended the connection, or answered with something that is no HTTP ({type(error).__name__})"
