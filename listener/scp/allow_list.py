"""Who may associate: AE titles, each with its permitted addresses and its certificate."""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass

from listener.settings import AllowedPeer
from listener.tls.certificates import fingerprint, subject

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True)
class Caller:
    """The peer that requests an association."""

    ae_title: str
    address: str
    certificate: bytes | None = None
    """DER; None without TLS, or where none was shown."""


@dataclass(frozen=True)
class _Entry:
    peer: AllowedPeer
    networks: tuple[Network, ...]

    def has(self, address: Address) -> bool:
        return not self.networks or any(address in network for network in self.networks)

    def has_shown(self, certificate: bytes | None) -> bool:
        wanted_print, wanted_subject = self.peer.certificate_fingerprint, self.peer.certificate_subject
        if wanted_print is None and wanted_subject is None:
            return True
        if certificate is None:
            return False
        if wanted_print is not None and plain_fingerprint(wanted_print) != fingerprint(certificate):
            return False
        return wanted_subject is None or wanted_subject == subject(certificate)


class AllowList:
    """The allow-list. An empty one admits everyone, which the configuration permits on loopback only."""

    def __init__(self, ae_titles: Iterable[str] = (), peers: Iterable[AllowedPeer] = ()) -> None:
        allowed = [*(AllowedPeer(title) for title in ae_titles), *peers]
        self._entries = tuple(_Entry(peer, tuple(map(network, peer.addresses))) for peer in allowed)

    @property
    def is_empty(self) -> bool:
        """Whether the list is empty."""
        return not self._entries

    def knows_address(self, address: str) -> bool:
        """Return whether anyone who is allowed may come from this address."""
        where = parse_address(address)
        return not self._entries or any(entry.has(where) for entry in self._entries)

    def refusal(self, caller: Caller) -> str | None:
        """Return what does not match (``title``, ``address``, ``certificate``); None where the caller matches."""
        if not self._entries:
            return None
        where = parse_address(caller.address)
        of_title = [entry for entry in self._entries if entry.peer.ae_title == caller.ae_title]
        of_address = [entry for entry in of_title if entry.has(where)]
        if not of_title:
            return "title"
        if not of_address:
            return "address"
        return None if any(entry.has_shown(caller.certificate) for entry in of_address) else "certificate"


def network(text: str) -> Network:
    """Read an address, or a network in CIDR notation.

    Raises
    ------
    ValueError
        If it is neither, or has bits set to the right of its mask.
    """
    return ipaddress.ip_network(text)


def parse_address(text: str) -> Address:
    """Read the address of a peer as a socket gives it: without its zone, an IPv4 one that IPv6 wraps as IPv4."""
    address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def plain_fingerprint(text: str) -> str:
    """Return a SHA-256 fingerprint as 64 hexadecimal digits, however it was written (``openssl x509`` puts colons).

    Raises
    ------
    ValueError
        If it is not a fingerprint.
    """
    digits = text.replace(":", "").replace(" ", "").lower()
    if len(digits) != 64 or set(digits) - set("0123456789abcdef"):
        raise ValueError(f"expected a SHA-256 fingerprint (64 hexadecimal digits), found {text!r}")
    return digits
