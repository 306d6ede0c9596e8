"""The reason why a TLS connection to a server fails, as text. pynetdicom only reports that there is no association."""

import socket
import ssl

from listener.settings import ClientTls
from listener.tls.certificates import CredentialFileError
from listener.tls.contexts import client_context
from listener.tls.handshake import HandshakeFailed, HandshakeFailure, detail_of, failure_of, shake_hands

ANSWER_SECONDS = 2.0
"""How long a server may take to refuse a certificate that it was shown: in TLS 1.3 it does so after the handshake."""
_ADVICE = {
    HandshakeFailure.CERTIFICATE_EXPIRED: "its certificate has expired; it has to be renewed there",
    HandshakeFailure.CERTIFICATE_NOT_TRUSTED: "its certificate is not accepted; check tls.ca and the host name",
    HandshakeFailure.NOT_TLS: "it does not speak TLS on this port",
    HandshakeFailure.NO_COMMON_VERSION_OR_CIPHER: "it supports no secure version and cipher",
    HandshakeFailure.REFUSED_BY_PEER: "it does not accept our certificate; check tls.certificate, and what it trusts",
    HandshakeFailure.TIMED_OUT: "it does not answer a TLS handshake; is it the TLS port?",
    HandshakeFailure.CONNECTION_LOST: "it ends the connection during the TLS handshake; is it the TLS port?",
}


def why_no_tls(tls: ClientTls, host: str, port: int, timeout_seconds: float) -> str | None:
    """Repeat the handshake and return its error as text; None where TLS is fine, or nothing can be reached at all."""
    try:
        plain = socket.create_connection((host, port), timeout_seconds)
    except OSError:
        return None
    with plain:
        try:
            context = client_context(tls)
            secured = context.wrap_socket(plain, server_hostname=host, do_handshake_on_connect=False)
        except (CredentialFileError, ssl.SSLError) as error:
            return str(error)
        with secured:
            return _reason(secured, timeout_seconds)


def _reason(secured: ssl.SSLSocket, timeout_seconds: float) -> str | None:
    try:
        shake_hands(secured, timeout_seconds)
        secured.settimeout(min(ANSWER_SECONDS, timeout_seconds))
        secured.recv(1)
    except HandshakeFailed as failed:
        return _error_text(failed.failure, failed.detail)
    except TimeoutError:
        return None
    except OSError as error:
        return f"{_ADVICE[HandshakeFailure.REFUSED_BY_PEER]} ({getattr(error, 'reason', None) or 'connection reset'})"
    return None


def tls_failure(error: ssl.SSLError) -> str:
    """Return in words why a handshake of ours failed, and what to do."""
    return _error_text(failure_of(error), detail_of(error))


def _error_text(failure: HandshakeFailure, detail: str) -> str:
    return f"{_ADVICE.get(failure, 'the TLS handshake failed')} ({detail})"
