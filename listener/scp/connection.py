"""One peer's TCP connection as a stream of whole PDUs, with deadlines that a slow peer cannot stretch."""

import mmap
import socket
import ssl
import struct
import time
from contextlib import suppress

from listener.scp.command_set import P_DATA_TF
from listener.tls.handshake import HandshakeFailed, HandshakeFailure, cut, send_close_notify, shake_hands

A_ASSOCIATE_RQ = 0x01
A_RELEASE_RQ = 0x05
A_RELEASE_RP = 0x06
A_ABORT = 0x07
TLS_HANDSHAKE = 0x16
"""Not a PDU type: the first byte of a TLS client (RFC 8446 section 5.1)."""
HEADER_BYTES = 6
CLOSE_WAIT_SECONDS = 2.0
MAX_ASSOCIATE_BYTES = 256 * 1024
"""Enough for 128 contexts with every transfer syntax and a Kerberos ticket; a peer cannot choose a larger buffer."""
BUFFER_BYTES = 1 << 20
"""Two images of 512 x 512: what has come is read in one call, and written in one."""
PDU_SLACK_BYTES = 128
"""Some senders count the headers of PDV items out of the maximum length."""
_HEADER = struct.Struct(">BxL")
_QUICKACK = getattr(socket, "TCP_QUICKACK", None)


class PeerDisconnected(Exception):
    """The peer closed the connection."""


class PeerTooSlow(Exception):
    """The peer was silent for too long, or did not finish a PDU in time."""


class ProtocolError(Exception):
    """The peer sent what the Upper Layer protocol does not allow here; ``reason`` goes into the A-ABORT."""

    def __init__(self, reason: int, message: str) -> None:
        super().__init__(message)
        self.reason = reason


UNRECOGNIZED_PDU = 1
UNEXPECTED_PDU = 2
INVALID_PDU_PARAMETER = 6


class Connection:
    """Reads PDUs into one buffer that is used again and again; a PDU is valid until the next one is read."""

    def __init__(self, sock: socket.socket, max_pdu_bytes: int, pdu_timeout_seconds: float) -> None:
        self._socket = sock
        self._max_pdu_bytes = max_pdu_bytes
        self._pdu_timeout_seconds = pdu_timeout_seconds
        size = max(BUFFER_BYTES, 2 * max(max_pdu_bytes, MAX_ASSOCIATE_BYTES // 2)) + 4096
        # Takes memory only for what has been read: many peers connect, and few send images.
        self._buffer = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        self._view = memoryview(self._buffer)
        self._start = 0
        self._end = 0
        # Responses are small, and a sender waits for each of them.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def secure(self, context: ssl.SSLContext, seconds: float) -> bytes | None:
        """Make this an encrypted connection within ``seconds``; return the peer's certificate (DER), if it showed one.

        Raises
        ------
        HandshakeFailed
            If the handshake fails.
        """
        try:
            secured = context.wrap_socket(self._socket, server_side=True, do_handshake_on_connect=False)
        except OSError as error:
            raise HandshakeFailed(HandshakeFailure.CONNECTION_LOST, error.strerror or type(error).__name__) from error
        self._socket = secured
        shake_hands(secured, seconds)
        return secured.getpeercert(binary_form=True)

    @property
    def has_pdu(self) -> bool:
        """Whether the next PDU is here whole: to read it changes nothing of the PDUs before it."""
        here = self._end - self._start
        return here >= HEADER_BYTES and here >= HEADER_BYTES + _HEADER.unpack_from(self._buffer, self._start)[1]

    def read_pdu(self, wait_seconds: float, *, whole: bool = False) -> tuple[int, memoryview]:
        """Return type and body of the next PDU.

        ``whole``: ``wait_seconds`` limits the whole PDU, not only its first byte.

        Raises
        ------
        PeerTooSlow
            If no byte comes within ``wait_seconds``, or the PDU is not whole ``pdu_timeout_seconds`` after its first.
        PeerDisconnected
            If the peer closes the connection or resets it.
        ProtocolError
            If the PDU is of an unknown type or longer than what was negotiated.
        """
        begin_by = time.monotonic() + wait_seconds
        if self._start == self._end:
            self._start = self._end = 0
            self._fill(begin_by)
        deadline = begin_by if whole else time.monotonic() + self._pdu_timeout_seconds
        while self._end - self._start < HEADER_BYTES:
            self._make_room(HEADER_BYTES)
            self._fill(deadline)
        pdu_type, length = _HEADER.unpack_from(self._buffer, self._start)
        self._check(pdu_type, length)
        self._make_room(HEADER_BYTES + length)
        while self._end - self._start < HEADER_BYTES + length:
            self._fill(deadline)
        body = self._view[self._start + HEADER_BYTES : self._start + HEADER_BYTES + length]
        self._start += HEADER_BYTES + length
        return pdu_type, body

    def _check(self, pdu_type: int, length: int) -> None:
        if pdu_type == TLS_HANDSHAKE:
            raise ProtocolError(UNRECOGNIZED_PDU, "the peer speaks TLS, and this port does not: set listener.tls")
        if not 1 <= pdu_type <= 7:
            raise ProtocolError(UNRECOGNIZED_PDU, f"unknown PDU type 0x{pdu_type:02x}")
        longest = self._max_pdu_bytes + PDU_SLACK_BYTES if pdu_type == P_DATA_TF else MAX_ASSOCIATE_BYTES
        if length > longest:
            raise ProtocolError(INVALID_PDU_PARAMETER, f"expected a PDU of at most {longest} bytes, found {length}")

    def _make_room(self, needed: int) -> None:
        if self._start + needed > len(self._buffer):
            rest = self._end - self._start
            self._buffer.move(0, self._start, rest)
            self._start, self._end = 0, rest

    def _fill(self, deadline: float) -> None:
        remaining = deadline - time.monotonic()
        if remaining <= 0:
            raise PeerTooSlow("the PDU was not whole in time")
        try:
            self._socket.settimeout(remaining)
            received = self._socket.recv_into(self._view[self._end :])
            if _QUICKACK is not None:
                # Linux resets this option at any time. Without it, a sender that leaves Nagle on waits for a delayed
                # ACK once per object: 40 ms each.
                self._socket.setsockopt(socket.IPPROTO_TCP, _QUICKACK, 1)
        except TimeoutError as error:
            raise PeerTooSlow("the peer was silent for too long") from error
        except OSError as error:
            raise PeerDisconnected(f"the connection broke: {error.strerror}") from error
        if received == 0:
            raise PeerDisconnected("the peer closed the connection")
        self._end += received

    def send(self, content: bytes) -> None:
        """Send ``content`` whole.

        Raises
        ------
        PeerTooSlow
            If the peer does not take it in ``pdu_timeout_seconds``.
        PeerDisconnected
            If the connection is closed.
        """
        try:
            self._socket.settimeout(self._pdu_timeout_seconds)
            self._socket.sendall(content)
        except TimeoutError as error:
            raise PeerTooSlow("the peer does not read its responses") from error
        except OSError as error:
            raise PeerDisconnected(f"the connection broke: {error.strerror}") from error

    def await_close(self) -> None:
        """Give the peer a moment to close the connection, as it should after a release or a refusal."""
        with suppress(PeerDisconnected, PeerTooSlow, ProtocolError):
            self.read_pdu(CLOSE_WAIT_SECONDS)

    def close(self) -> None:
        """Close the connection; does nothing where it is closed."""
        if isinstance(self._socket, ssl.SSLSocket):
            with suppress(OSError, ValueError):  # only a courtesy to the peer
                send_close_notify(self._socket)
        with suppress(OSError):  # the peer closed it first
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def interrupt(self) -> None:
        """End the connection from another thread: its reader sees that the peer is gone."""
        with suppress(OSError):  # already gone
            if not isinstance(self._socket, ssl.SSLSocket):  # a second thread must not write to one
                self._socket.settimeout(1.0)
                self._socket.sendall(abort_pdu(source=2, reason=0))
            cut(self._socket)


def abort_pdu(source: int, reason: int) -> bytes:
    """Return an A-ABORT PDU (PS3.8 section 9.3.8); source 0 is the service user, 2 the service provider."""
    return _HEADER.pack(A_ABORT, 4) + bytes([0, 0, source, reason])


def release_response_pdu() -> bytes:
    """Return an A-RELEASE-RP PDU (PS3.8 section 9.3.7)."""
    return _HEADER.pack(A_RELEASE_RP, 4) + bytes(4)
