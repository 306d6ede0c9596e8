"""A DICOMweb server whose misbehaviour a test sets."""

import contextlib
import ssl
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Behaviour = Callable[["Handler"], None]


class Handler(BaseHTTPRequestHandler):
    """Hands each request to the server's behaviour."""

    server: "WebServer"
    content: bytes = b""

    def _any(self) -> None:
        self.content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.requests.append((self.command, self.path, dict(self.headers), self.content))
        self.server.behaviour(self)

    do_GET = do_POST = _any  # noqa: N815 - the names that http.server asks for

    def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        """Send a whole answer."""
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""


class WebServer(ThreadingHTTPServer):
    """Keeps what was asked."""

    daemon_threads = True

    def __init__(self, behaviour: Behaviour, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.scheme = "https" if tls else "http"
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        self.behaviour = behaviour
        self.requests: list[tuple[str, str, dict[str, str], bytes]] = []

    @property
    def url(self) -> str:
        """Where its DICOMweb service would be."""
        return f"{self.scheme}://127.0.0.1:{self.server_address[1]}/dicom-web"

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: peers that go away are part of the tests."""


def forward_to(port: int) -> Behaviour:
    """Return the behaviour of a proxy: hand each request on to another server on this machine."""

    def behave(handler: Handler) -> None:
        headers = {name: handler.headers[name] for name in ("Accept", "Content-Type") if name in handler.headers}
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}{handler.path}", handler.content or None, headers, method=handler.command
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
                said = {"Content-Type": answer.headers["Content-Type"]} if "Content-Type" in answer.headers else {}
                handler.answer(answer.status, answer.read(), **said)
        except urllib.error.HTTPError as error:
            handler.answer(error.code, error.read())

    return behave


@contextlib.contextmanager
def web_server(behaviour: Behaviour, tls: ssl.SSLContext | None = None) -> Iterator[WebServer]:
    """Run a server for the block."""
    server = WebServer(behaviour, tls)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
