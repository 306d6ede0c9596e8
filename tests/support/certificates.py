"""A small certificate authority for tests: everything is made on the fly, nothing is kept."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

from listener.settings import ClientTls, ServerTls

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Issued:
    """A certificate with its key, in files."""

    certificate: Path
    key: Path
    ca: Path

    @property
    def der(self) -> bytes:
        """The certificate as it goes over the wire."""
        return x509.load_pem_x509_certificate(self.certificate.read_bytes()).public_bytes(Encoding.DER)

    def server(self, ca: Path | None = None, *, ask: bool = True) -> ServerTls:
        """Return the settings of a server that presents it."""
        return ServerTls(self.certificate, self.key, ca=ca or self.ca, require_client_certificate=ask)

    def client(self, ca: Path | None = None, *, check_hostname: bool = True) -> ClientTls:
        """Return the settings of a client that presents it."""
        return ClientTls(ca or self.ca, self.certificate, self.key, check_hostname=check_hostname)


class Authority:
    """An authority with a folder of its own."""

    def __init__(self, folder: Path, name: str = "Test CA") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.ca = folder / "ca.pem"
        now = datetime.now(UTC)
        certificate = (
            _builder(self._name, self._name, self._key.public_key(), now - DAY, now + 30 * DAY)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(authority=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self._key.public_key()), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        self.ca.write_bytes(certificate.public_bytes(Encoding.PEM))

    def issue(
        self,
        name: str,
        *,
        starts: timedelta = -DAY,
        ends: timedelta = 30 * DAY,
        password: str | None = None,
        hosts: tuple[str, ...] = ("localhost", "127.0.0.1"),
    ) -> Issued:
        """Make a certificate for ``name``, valid from now + ``starts`` to now + ``ends``; again replaces the files."""
        key = ec.generate_private_key(ec.SECP256R1())
        now = datetime.now(UTC)
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        certificate = (
            _builder(subject, self._name, key.public_key(), now + starts, now + ends)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(authority=False), critical=True)
            .add_extension(x509.SubjectAlternativeName([_host(host) for host in hosts]), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        issued = Issued(self.folder / f"{name}.pem", self.folder / f"{name}.key", self.ca)
        issued.key.unlink(missing_ok=True)
        issued.key.touch(0o600)
        encryption = BestAvailableEncryption(password.encode()) if password else NoEncryption()
        issued.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption))
        issued.certificate.write_bytes(certificate.public_bytes(Encoding.PEM))
        return issued


def secret_file(path: Path, secret: str) -> Path:
    """Write a password file as an administrator would: for its owner only."""
    path.touch(0o600)
    path.write_text(secret + "\n")
    return path


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, starts: datetime, ends: datetime
) -> x509.CertificateBuilder:
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key)
    builder = builder.serial_number(x509.random_serial_number())
    return builder.not_valid_before(starts).not_valid_after(ends)


def _usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=not authority,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)
