"""A connection before anything was read from it."""

import socket
from contextlib import ExitStack, closing

import psutil

from listener.scp.connection import BUFFER_BYTES, Connection

CONNECTIONS = 64
"""As many as may wait to associate."""


def test_a_silent_peer_takes_no_memory_for_what_it_might_send() -> None:
    """Whoever reaches the port may connect; only what is read takes memory."""
    with ExitStack() as open_:
        server = open_.enter_context(socket.create_server(("127.0.0.1", 0), backlog=CONNECTIONS))
        for _ in range(CONNECTIONS):
            open_.enter_context(socket.create_connection(server.getsockname()))
        accepted = [server.accept()[0] for _ in range(CONNECTIONS)]
        before = psutil.Process().memory_info().rss
        for one in accepted:
            open_.enter_context(closing(Connection(one, 131_072, 30.0)))
        assert psutil.Process().memory_info().rss - before < CONNECTIONS * BUFFER_BYTES / 8
