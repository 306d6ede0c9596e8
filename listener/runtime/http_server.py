"""A small read-only HTTP server: GET and HEAD, each client in a thread of its own."""

import contextlib
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.message import Message
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

CLIENT_SECONDS = 10.0
"""How long a client may be silent."""


@dataclass(frozen=True)
class Response:
    """The answer to a request."""

    body: bytes
    content_type: str = "text/plain"
    status: HTTPStatus = HTTPStatus.OK
    headers: Mapping[str, str] = field(default_factory=dict)
    """Beside Content-Type and Content-Length."""


Answer = Callable[[str, Message], Response]
"""Makes the response to a path with its query, and the headers of the request."""


class HttpServer:
    """Serves until it is stopped; port 0 takes a free one. OSError names an address that cannot be used."""

    def __init__(self, host: str, port: int, name: str, answer: Answer) -> None:
        class Handler(_Handler):
            response = staticmethod(answer)

        try:
            self._server = ThreadingHTTPServer((host, port), Handler)
        except OSError as error:
            raise OSError(error.errno, error.strerror, f"{host}:{port}") from error
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), name=name, daemon=True)

    @property
    def port(self) -> int:
        """The port that it listens on."""
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
    response: Answer
    timeout = CLIENT_SECONDS
    server_version = "radtme"
    sys_version = ""

    def do_GET(self) -> None:
        self._answer(self.wfile.write)

    def do_HEAD(self) -> None:
        self._answer(len)

    def _answer(self, send: Callable[[bytes], int]) -> None:
        response = type(self).response(self.path, self.headers)
        sizes = {"Content-Type": response.content_type, "Content-Length": str(len(response.body))}
        with contextlib.suppress(ConnectionError):  # a client that gave up before it was answered
            self.send_response(response.status)
            for name, value in {**sizes, **response.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            send(response.body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        """Log nothing: a request is not an event."""
