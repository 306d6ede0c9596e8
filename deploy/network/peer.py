"""A DICOM application entity on the network, written as ``AET@host:port``."""

import re
from dataclasses import dataclass

from listener.settings import ClientTls

AE_TITLE_LENGTH = 16
"""PS3.5 section 6.2, value representation AE."""
PEER_PATTERN = re.compile(r"(?P<ae_title>[^@]+)@(?P<host>\[[0-9A-Fa-f:.]+\]|[^@:\s]+):(?P<port>[0-9]{1,5})")


@dataclass(frozen=True)
class Peer:
    """The address of a peer."""

    ae_title: str
    host: str
    port: int
    tls: ClientTls | None = None
    """None: in the clear."""

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.ae_title}@{host}:{self.port}"


def checked_ae_title(text: str) -> str:
    r"""Return ``text`` if it can be an AE title: PS3.5 section 6.2, value representation AE.

    Raises
    ------
    ValueError
        If it is longer than 16 characters, only spaces, or holds ``\``, a control or a non-ASCII character.
    """
    if not text.strip(" ") or len(text) > AE_TITLE_LENGTH:
        raise ValueError(f"expected an AE title of 1 to {AE_TITLE_LENGTH} characters, found {text!r} ({len(text)})")
    if "\\" in text or not (text.isascii() and text.isprintable()):
        raise ValueError(f"expected an AE title of printable ASCII characters without a backslash, found {text!r}")
    return text.strip(" ")


def parse_peer(text: str) -> Peer:
    """Read ``AET@host:port`` (an IPv6 address in brackets).

    Raises
    ------
    ValueError
        If the form, the AE title or the port is wrong.
    """
    match = PEER_PATTERN.fullmatch(text)
    if match is None:
        raise ValueError(f"expected AET@host:port, such as PACS@10.0.0.5:104, found {text!r}")
    port = int(match["port"])
    if not 1 <= port <= 65535:
        raise ValueError(f"expected a port from 1 to 65535, found {port}")
    return Peer(checked_ae_title(match["ae_title"]), match["host"].strip("[]"), port)
