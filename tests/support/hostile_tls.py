"""Hostile peers of a port with TLS that requires certificates."""

import random
import socket
import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from types import MappingProxyType

from support.certificates import DAY, Authority, Issued
from support.hostile_peers import HONEST, HOSTILE_ADDRESS, PATIENCE_SECONDS, Attack
from support.listening import RawPeer, association_request

BEGINNING_OF_A_HANDSHAKE = b"\x16\x03\x01\x02\x00\x01"


class TlsPeers:
    """Attackers with certificates of every wrong kind, and one with a right one that has been stolen."""

    def __init__(self, ours: Authority, theirs: Authority) -> None:
        """``ours`` is the authority that the listener trusts."""
        self._ca = ours
        self._foreign = theirs.issue("foreign")
        self._expired = ours.issue("expired", starts=-9 * DAY, ends=-DAY)
        self._stolen = ours.issue("stolen")

    @property
    def attacks(self) -> Mapping[str, Attack]:
        """Each attack by its name."""
        found = (
            self.wrong_certificate,
            self.expired_certificate,
            self.no_certificate,
            self.no_tls,
            self.old_version,
            self.half_a_handshake,
            self.random_bytes,
            self.associations,
        )
        return MappingProxyType({attack.__name__: attack for attack in found})

    def wrong_certificate(self, port: int, rng: random.Random) -> None:
        """From an authority that is not trusted here."""
        self._knock(port, self._foreign)

    def expired_certificate(self, port: int, rng: random.Random) -> None:
        """A certificate that has expired."""
        self._knock(port, self._expired)

    def no_certificate(self, port: int, rng: random.Random) -> None:
        """Encrypted, without a client certificate."""
        self._knock(port, None)

    def no_tls(self, port: int, rng: random.Random) -> None:
        """DICOM in the clear."""
        with suppress(OSError), RawPeer(port, HOSTILE_ADDRESS, PATIENCE_SECONDS) as plain:
            plain.associate(HONEST)

    def old_version(self, port: int, rng: random.Random) -> None:
        """At most TLS 1.1."""
        context = self._context(self._stolen)
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version, context.maximum_version = ssl.TLSVersion.MINIMUM_SUPPORTED, ssl.TLSVersion.TLSv1_1
        with self._connected(port, context):
            pass

    def half_a_handshake(self, port: int, rng: random.Random) -> None:
        """A few bytes, then one a second."""
        with suppress(OSError), RawPeer(port, HOSTILE_ADDRESS, PATIENCE_SECONDS) as slow:
            slow.socket.sendall(BEGINNING_OF_A_HANDSHAKE)
            for _ in range(int(PATIENCE_SECONDS)):
                slow.socket.sendall(b"\0")
                time.sleep(1)

    def random_bytes(self, port: int, rng: random.Random) -> None:
        """Noise instead of a handshake, in its middle, and behind it."""
        for start in (b"", BEGINNING_OF_A_HANDSHAKE):
            with suppress(OSError), RawPeer(port, HOSTILE_ADDRESS, PATIENCE_SECONDS) as noisy:
                noisy.socket.sendall(start + rng.randbytes(2000))
                noisy.read_pdu()
        with self._connected(port, self._context(self._stolen)) as secured:
            secured.sendall(rng.randbytes(2000))
            secured.recv(1000)

    def associations(self, port: int, rng: random.Random) -> None:
        """With a stolen certificate: associated, then half a PDU and silence."""
        with self._connected(port, self._context(self._stolen)) as secured:
            secured.sendall(association_request(HONEST) + b"\x04\0")
            while secured.recv(4096):
                pass

    def _knock(self, port: int, certificate: Issued | None) -> None:
        with self._connected(port, self._context(certificate)) as secured:
            secured.sendall(association_request(HONEST))
            secured.recv(1000)

    def _context(self, certificate: Issued | None) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(self._ca.ca))
        if certificate is not None:
            context.load_cert_chain(certificate.certificate, certificate.key)
        return context

    @contextmanager
    def _connected(self, port: int, context: ssl.SSLContext) -> Iterator[ssl.SSLSocket]:
        """Do the handshake; a connection that the other side closes, then or later, is expected."""
        with (
            socket.create_connection(("127.0.0.1", port), PATIENCE_SECONDS, (HOSTILE_ADDRESS, 0)) as plain,
            context.wrap_socket(plain, server_hostname="127.0.0.1") as secured,
            suppress(OSError),
        ):
            yield secured
