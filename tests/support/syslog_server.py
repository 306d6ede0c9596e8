"""A syslog server over TLS (RFC 5425) that keeps all messages, and can be stopped by a test."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator

from listener.settings import ServerTls
from listener.tls.contexts import server_context


class SyslogServer:
    """Serves one connection after another in a thread; `stop` drops them in the middle, as a crash would."""

    def __init__(self, tls: ServerTls, port: int = 0) -> None:
        self.frames: list[bytes] = []
        self.broken = 0
        """Connections that ended within a frame."""
        self._context = server_context(tls)
        self._socket = socket.create_server(("127.0.0.1", port))
        self.port = int(self._socket.getsockname()[1])
        self._open: set[socket.socket] = set()
        self._stopping = False
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while not self._stopping:
            try:
                plain, _ = self._socket.accept()
            except OSError:
                return
            self._open.add(plain)
            with contextlib.suppress(OSError, ValueError), plain:
                connection = self._context.wrap_socket(plain, server_side=True)
                self._open.add(connection)
                self._read(connection)

    def _read(self, connection: ssl.SSLSocket) -> None:
        content = b""
        while True:
            try:
                received = connection.recv(65536)
            except OSError:
                received = b""
            if not received:
                self.broken += bool(content)
                return
            content += received
            while (space := content.find(b" ")) > 0 and len(content) >= space + 1 + int(content[:space]):
                end = space + 1 + int(content[:space])
                self.frames.append(content[space + 1 : end])
                content = content[end:]

    def stop(self) -> None:
        """Close the port and every connection at once."""
        self._stopping = True
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        for one in self._open:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()


@contextlib.contextmanager
def syslog_server(tls: ServerTls, port: int = 0) -> Iterator[SyslogServer]:
    """Run a server for the block."""
    server = SyslogServer(tls, port)
    try:
        yield server
    finally:
        server.stop()
