"""TLS for DICOM: contexts from files, by the BCP 195 profile (PS3.15 section B.12), renewed when the files change.

TLS 1.2 and 1.3 only, with forward secrecy and authenticated encryption (RFC 9325 section 4.2). Sessions are not
resumed: every association is authenticated anew, so that a certificate that is taken off the list is off it at once.
"""

import ssl
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Generic, TypeVar

from listener.runtime.logger import Logger
from listener.settings import ClientTls, ServerTls
from listener.tls.certificates import CredentialFileError, check_key, check_validity, first_certificate, key_password

CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20:@SECLEVEL=2"
"""Of TLS 1.2; those of TLS 1.3 are all of this kind. Level 2 refuses RSA keys below 2048 bits and SHA-1 signatures."""

log = Logger(__name__)
Made = TypeVar("Made")


def server_context(tls: ServerTls) -> ssl.SSLContext:
    """Return the context of a server; a peer without a certificate from ``ca`` is refused unless the settings say so.

    Raises
    ------
    CredentialFileError
        If a file cannot be used; the message names it and says what to do.
    """
    context = _context(ssl.PROTOCOL_TLS_SERVER)
    context.options |= ssl.OP_CIPHER_SERVER_PREFERENCE
    context.num_tickets = 0
    _present(context, tls.certificate, tls.key, tls.key_password_file)
    if tls.require_client_certificate:
        if tls.ca is None:
            raise CredentialFileError(None, "without a CA no client certificate can be checked", "give ca: FILE")
        _trust(context, tls.ca)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def client_context(tls: ClientTls) -> ssl.SSLContext:
    """Return the context of a client; the server's certificate is always checked against ``ca``.

    Raises
    ------
    CredentialFileError
        If a file cannot be used; the message names it and says what to do.
    """
    context = _context(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = tls.check_hostname
    context.verify_mode = ssl.CERT_REQUIRED
    _trust(context, tls.ca)
    if tls.certificate is not None and tls.key is not None:
        _present(context, tls.certificate, tls.key, tls.key_password_file)
    return context


def tls_args(tls: ClientTls | None, host: str) -> tuple[ssl.SSLContext, str] | None:
    """Return what pynetdicom's ``AE.associate`` takes as ``tls_args``: None without TLS.

    The files are read anew for every association: a new certificate needs no restart.

    Raises
    ------
    CredentialFileError
        If a file cannot be used.
    """
    return None if tls is None else (client_context(tls), host)


def certificate_files(tls: ServerTls | ClientTls) -> tuple[Path, ...]:
    """Return the files that a context is made from."""
    files = (tls.certificate, tls.key, tls.key_password_file, tls.ca)
    return tuple(file for file in files if file is not None)


def seconds_left(certificate: Path) -> float:
    """Return how long the certificate in a file is still valid; below zero where it has expired.

    Raises
    ------
    CredentialFileError
        If it cannot be read.
    """
    return (first_certificate(certificate).not_valid_after_utc - datetime.now(UTC)).total_seconds()


class Reloading(Generic[Made]):
    """An object built from files, and rebuilt when they change. An invalid file leaves the last valid object in use.

    `current` checks the files and returns the object; connections that use an earlier one keep it.
    """

    def __init__(self, what: str, make: Callable[[], Made], files: Iterable[Path]) -> None:
        """Build it for the first time; what ``make`` raises then reaches the caller."""
        self._what = what
        self._make = make
        self._files = tuple(files)
        self._lock = threading.Lock()
        self._seen = self._marks()
        self._made = make()
        self.is_stale = False
        """Whether the files have changed to something that cannot be used."""

    def current(self) -> Made:
        """Return the object built from the files as they are now, or as they were when last valid."""
        marks = self._marks()
        with self._lock:
            if marks != self._seen:
                self._seen = marks
                self._reload()
            return self._made

    def _reload(self) -> None:
        try:
            self._made = self._make()
        except (CredentialFileError, OSError, ValueError) as error:
            self.is_stale = True
            log.error("certificate_reload_failed", what=self._what, reason=str(error), kept="the last valid one")
            return
        self.is_stale = False
        log.info("certificate_reloaded", what=self._what)

    def _marks(self) -> tuple[object, ...]:
        return tuple(_mark(file) for file in self._files)


def reloading_server_context(tls: ServerTls, what: str) -> Reloading[ssl.SSLContext]:
    """Return a server context that is reloaded when its files change; ``what`` names it in the log.

    Raises
    ------
    CredentialFileError
        If a file cannot be used from the start.
    """
    return Reloading(what, lambda: server_context(tls), certificate_files(tls))


def _mark(file: Path) -> object:
    with suppress(OSError):  # not there: that is a mark too
        status = file.stat()
        return status.st_ino, status.st_mtime_ns, status.st_size, status.st_mode
    return None


def _context(protocol: "ssl._SSLMethod") -> ssl.SSLContext:
    context = ssl.SSLContext(protocol)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(CIPHERS)
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_TICKET
    # What stands in `ca` is trusted as it is: also a peer's own certificate, without the authority that signed it.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


def _present(context: ssl.SSLContext, certificate: Path, key: Path, password_file: Path | None) -> None:
    """Load our own certificate, after the checks whose failures OpenSSL would not name."""
    check_validity(certificate, first_certificate(certificate))
    password = key_password(password_file)
    check_key(key, password, certificate)
    try:
        context.load_cert_chain(certificate, key, password=lambda: password or "")
    except (ssl.SSLError, OSError) as error:
        reason = error.reason if isinstance(error, ssl.SSLError) else error.strerror
        raise CredentialFileError(
            certificate,
            f"cannot be used: {reason}",
            "expected RSA with 2048 bits or more, or ECDSA with P-256",
        ) from error


def _trust(context: ssl.SSLContext, ca: Path) -> None:
    first_certificate(ca)
    try:
        context.load_verify_locations(ca)
    except (ssl.SSLError, OSError) as error:
        raise CredentialFileError(ca, "cannot be used as a CA bundle", "expected PEM certificates") from error
