"""TLS between the processes of this machine: one connection that ends leaves the others alone."""

import socket
import ssl

import pytest

from model_store.computing.local_security import LocalSecurity


def test_a_connection_that_ends_without_close_notify_breaks_no_other() -> None:
    """As Dask ends its connections; the next read of the same thread is of another connection."""
    security = LocalSecurity.temporary()  # type: ignore[no-untyped-call]
    contexts = (
        security.get_listen_args("scheduler")["ssl_context"],
        security.get_connection_args("worker")["ssl_context"],
    )
    (ending, peer), (other, other_peer) = connected(*contexts), connected(*contexts)
    with ending, peer, other, other_peer:
        ending.shutdown(socket.SHUT_RDWR)
        assert peer.recv(1) == b""
        for end in (other, other_peer):
            with pytest.raises(ssl.SSLWantReadError):
                end.recv(1)
        other.send(b"goes on")
        assert other_peer.recv(10) == b"goes on"


def connected(listens: ssl.SSLContext, connects: ssl.SSLContext) -> tuple[ssl.SSLSocket, ssl.SSLSocket]:
    """Return both ends of a connection on which nothing is to be read; no operation waits."""
    plain = socket.socketpair()
    for end in plain:
        end.setblocking(False)
    ends = (
        listens.wrap_socket(plain[0], server_side=True, do_handshake_on_connect=False),
        connects.wrap_socket(plain[1], do_handshake_on_connect=False),
    )
    waiting = list(ends)
    while waiting:
        try:
            waiting[0].do_handshake()
        except ssl.SSLWantReadError:
            waiting.reverse()
        else:
            waiting.pop(0)
    with pytest.raises(ssl.SSLWantReadError):
        ends[1].recv(1)  # session tickets
    return ends
