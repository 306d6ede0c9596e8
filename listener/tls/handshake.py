"""The server's side of a TLS handshake: within its deadline, and with a reason where it fails."""

import socket
import ssl
from enum import StrEnum

CERTIFICATE_EXPIRED = 10
"""X509_V_ERR_CERT_HAS_EXPIRED of OpenSSL, the one verification error that is worth a name of its own."""


class HandshakeFailure(StrEnum):
    """The reason why there is no encrypted connection."""

    NOT_TLS = "not_tls"
    NO_CERTIFICATE = "no_certificate"
    CERTIFICATE_EXPIRED = "certificate_expired"
    CERTIFICATE_NOT_TRUSTED = "certificate_not_trusted"
    NO_COMMON_VERSION_OR_CIPHER = "no_common_version_or_cipher"
    REFUSED_BY_PEER = "refused_by_peer"
    """The peer does not trust our certificate, or accepts none of the offered versions and ciphers."""
    TIMED_OUT = "timed_out"
    CONNECTION_LOST = "connection_lost"
    OTHER = "other"


class HandshakeFailed(Exception):
    """There is no encrypted connection; ``failure`` is the reason."""

    def __init__(self, failure: HandshakeFailure, detail: str) -> None:
        super().__init__(f"{failure}: {detail}")
        self.failure = failure
        self.detail = detail


_BY_REASON = {
    "HTTP_REQUEST": HandshakeFailure.NOT_TLS,
    "WRONG_VERSION_NUMBER": HandshakeFailure.NOT_TLS,
    "PACKET_LENGTH_TOO_LONG": HandshakeFailure.NOT_TLS,
    "RECORD_LAYER_FAILURE": HandshakeFailure.NOT_TLS,
    "PEER_DID_NOT_RETURN_A_CERTIFICATE": HandshakeFailure.NO_CERTIFICATE,
    "UNSUPPORTED_PROTOCOL": HandshakeFailure.NO_COMMON_VERSION_OR_CIPHER,
    "VERSION_TOO_LOW": HandshakeFailure.NO_COMMON_VERSION_OR_CIPHER,
    "NO_SHARED_CIPHER": HandshakeFailure.NO_COMMON_VERSION_OR_CIPHER,
    "NO_SUITABLE_SIGNATURE_ALGORITHM": HandshakeFailure.NO_COMMON_VERSION_OR_CIPHER,
    "NO_SUITABLE_KEY_SHARE": HandshakeFailure.NO_COMMON_VERSION_OR_CIPHER,
}


def shake_hands(sock: ssl.SSLSocket, seconds: float) -> None:
    """Make a connection an encrypted one, within ``seconds`` in all, however slow the peer is.

    Raises
    ------
    HandshakeFailed
        If it does not come to be. The connection is of no use then, not even for an A-ABORT.
    """
    try:
        sock.settimeout(seconds)
        sock.do_handshake()
    except TimeoutError as error:
        raise HandshakeFailed(HandshakeFailure.TIMED_OUT, f"not done within {seconds:g} s") from error
    except (ssl.SSLEOFError, ssl.SSLZeroReturnError) as error:
        raise HandshakeFailed(HandshakeFailure.CONNECTION_LOST, "the peer closed the connection") from error
    except ssl.SSLError as error:
        raise HandshakeFailed(failure_of(error), detail_of(error)) from error
    except OSError as error:
        raise HandshakeFailed(HandshakeFailure.CONNECTION_LOST, error.strerror or type(error).__name__) from error


def failure_of(error: ssl.SSLError) -> HandshakeFailure:
    """Return the kind of failure that OpenSSL's error stands for."""
    if isinstance(error, ssl.SSLCertVerificationError):
        expired = error.verify_code == CERTIFICATE_EXPIRED
        return HandshakeFailure.CERTIFICATE_EXPIRED if expired else HandshakeFailure.CERTIFICATE_NOT_TRUSTED
    reason = error.reason or ""
    return _BY_REASON.get(reason) or (
        HandshakeFailure.REFUSED_BY_PEER if "_ALERT_" in reason else HandshakeFailure.OTHER
    )


def detail_of(error: ssl.SSLError) -> str:
    """Return OpenSSL's own words for its error; nothing in them comes from the peer."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message
    return error.reason or type(error).__name__


def send_close_notify(sock: ssl.SSLSocket) -> None:
    """Send close_notify without waiting for the peer's.

    Raises
    ------
    OSError, ValueError
        If the peer was first, or its answer is not there yet.
    """
    sock.settimeout(0)
    sock.unwrap()


def cut(sock: socket.socket) -> None:
    """End a connection under the thread that reads it. OpenSSL's own objects are not touched: they are that thread's.

    Raises
    ------
    OSError
        If it has ended already.
    """
    socket.socket.shutdown(sock, socket.SHUT_RDWR)
