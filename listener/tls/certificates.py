"""Certificates, keys and passwords in files: read, checked, and named when they cannot be used.

The library cryptography is imported where it is used: every command reads the settings, and few read a certificate.
"""

import hashlib
import stat
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography import x509


class CredentialFileError(ValueError):
    """A certificate, a key or a password file cannot be used: which one, why, and what to do."""

    def __init__(self, file: Path | None, found: str, advice: str) -> None:
        super().__init__(f"{file}: {found}; {advice}" if file else f"{found}; {advice}")
        self.file = file


def read_secret(file: Path) -> str:
    """Return the password in a file, without the line end.

    Raises
    ------
    CredentialFileError
        If it cannot be read, is empty, or everyone on this machine can read it.
    """
    secret = _private(file, "password file").decode(errors="replace").rstrip("\r\n")
    if not secret:
        raise CredentialFileError(file, "is empty", "write the password into it, on one line")
    return secret


def key_password(file: Path | None) -> str | None:
    """Return the password of a private key, or None where it has none."""
    return None if file is None else read_secret(file)


def first_certificate(file: Path) -> "x509.Certificate":
    """Return the first certificate of a PEM file: a chain begins with its leaf.

    Raises
    ------
    CredentialFileError
        If there is none.
    """
    from cryptography import x509

    content = _content(file)
    try:
        return x509.load_pem_x509_certificates(content)[0]
    except ValueError as error:
        advice = "expected -----BEGIN CERTIFICATE-----; a .der or .p12 file has to be converted with openssl"
        raise CredentialFileError(file, "holds no PEM certificate that can be read", advice) from error


def check_validity(file: Path, certificate: "x509.Certificate") -> None:
    """Check that today lies between a certificate's dates.

    Raises
    ------
    CredentialFileError
        If it does not.
    """
    now = datetime.now(UTC)
    if now > certificate.not_valid_after_utc:
        since = certificate.not_valid_after_utc.isoformat(timespec="minutes")
        raise CredentialFileError(file, f"the certificate expired at {since}", "renew it and replace the file")
    if now < certificate.not_valid_before_utc:
        since = certificate.not_valid_before_utc.isoformat(timespec="minutes")
        raise CredentialFileError(file, f"the certificate is not valid before {since}", "check the clock, or wait")


def check_key(file: Path, password: str | None, certificate_file: Path) -> None:
    """Check that a private key can be read by us, not by everyone, and belongs to the certificate.

    Raises
    ------
    CredentialFileError
        If not.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

    content = _private(file, "private key")
    try:
        key = load_pem_private_key(content, password.encode() if password else None)
    except TypeError as error:
        needs = "is encrypted" if password is None else "is not encrypted, and a password was given"
        raise CredentialFileError(file, needs, "set or remove key_password_file") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        found = "cannot be read with the password that was given" if password else "holds no PEM private key"
        raise CredentialFileError(file, found, "check key_password_file and the file") from error
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if key.public_key().public_bytes(*form) != first_certificate(certificate_file).public_key().public_bytes(*form):
        raise CredentialFileError(
            file, f"does not belong to the certificate in {certificate_file}", "replace both files together"
        )


def fingerprint(der: bytes) -> str:
    """Return the SHA-256 fingerprint of a certificate: 64 hexadecimal digits in lower case."""
    return hashlib.sha256(der).hexdigest()


def subject(der: bytes) -> str:
    """Return a certificate's subject as RFC 4514 writes it, such as ``CN=mri1,O=Hospital``."""
    from cryptography import x509

    return x509.load_der_x509_certificate(der).subject.rfc4514_string()


def _private(file: Path, what: str) -> bytes:
    content = _content(file)
    if file.stat().st_mode & (stat.S_IROTH | stat.S_IWOTH):
        raise CredentialFileError(file, f"everyone on this machine can read or change this {what}", f"chmod o= {file}")
    return content


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except FileNotFoundError as error:
        raise CredentialFileError(file, "there is no such file", "check the path") from error
    except OSError as error:
        raise CredentialFileError(file, f"cannot be read: {error.strerror}", "check its owner and mode") from error
