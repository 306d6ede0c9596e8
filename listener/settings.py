"""The settings of the listener: read once at start, handed on, never changed."""

import ipaddress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from annotated_types import Ge, Interval

from listener.dicom.sender_character_sets import SenderCharacterSet
from listener.dicom.structure_limits import StructureLimits

# The bounds of numbers stand in their types: the configuration reader and the JSON Schema take them from there.
Port = Annotated[int, Interval(ge=1, le=65535)]
FreePort = Annotated[int, Interval(ge=0, le=65535)]
"""0 takes a free port."""
Count = Annotated[int, Ge(1)]
CountFromZero = Annotated[int, Ge(0)]
# A longer time is a typing error, and exceeds what the system's calls for waiting take.
DAY_SECONDS = 86_400
YEAR_SECONDS = 366 * DAY_SECONDS
Seconds = Annotated[float, Interval(gt=0, le=YEAR_SECONDS)]
SecondsFromZero = Annotated[float, Interval(ge=0, le=YEAR_SECONDS)]
TimeoutSeconds = Annotated[float, Interval(gt=0, le=DAY_SECONDS)]
"""Of a connection."""
Hours = Annotated[int, Interval(ge=1, le=366 * 24)]
Days = Annotated[int, Interval(ge=1, le=36_525)]
"""At most a century."""


class DeadlinePolicy(StrEnum):
    """What ends the waiting of a job whose images did not come."""

    CLOSE = "close"
    """The job is closed as not scored."""
    FETCH = "fetch"
    """The missing images are first requested by C-MOVE; after one more deadline the job is closed."""


@dataclass(frozen=True)
class ServerTls:
    """The certificate of a server, and the clients that it accepts. PEM files; other users must not read the key."""

    certificate: Path
    """Our certificate, followed by the authorities between it and the root."""
    key: Path
    key_password_file: Path | None = None
    ca: Path | None = None
    """Whose certificates are accepted: authorities, or the peers' own."""
    require_client_certificate: bool = True
    """False: the traffic is encrypted, and clients need no certificate."""

    @property
    def as_client(self) -> "ClientTls":
        """The client settings for our own server: its certificate, and trust in no other."""
        return ClientTls(self.certificate, self.certificate, self.key, self.key_password_file, check_hostname=False)


@dataclass(frozen=True)
class ClientTls:
    """The authorities that a client trusts, and its certificate where the server requests one. Files are PEM."""

    ca: Path
    """Whose certificates are accepted: authorities, or the server's own."""
    certificate: Path | None = None
    key: Path | None = None
    key_password_file: Path | None = None
    check_hostname: bool = True
    """False: any certificate from ``ca`` is accepted, whatever host it names; then list the server's own in ``ca``."""


@dataclass(frozen=True)
class AllowedPeer:
    """A peer that may associate."""

    ae_title: str
    addresses: tuple[str, ...] = ()
    """IP addresses and networks (``192.0.2.0/24``) that it may come from; empty: any."""
    certificate_fingerprint: str | None = None
    """SHA-256, of the certificate that it has to show."""
    certificate_subject: str | None = None
    """As RFC 4514 writes it: ``CN=mri1,O=Hospital``."""


@dataclass(frozen=True)
class RetrieveSource:
    """The Query/Retrieve SCP that missing images are fetched from."""

    ae_title: str
    host: str
    port: Port
    tls: ClientTls | None = None


@dataclass(frozen=True)
class SyslogServer:
    """The audit record repository that a copy of every audit message goes to, by syslog over TLS (RFC 5425)."""

    host: str
    tls: ClientTls
    port: Port = 6514


@dataclass(frozen=True)
class AuditSettings:
    """The audit trail: DICOM audit messages in append-only files (PS3.15 section A.5), which all parts write to."""

    folder: Path
    enabled: bool = True
    max_bytes: Annotated[int, Ge(1024)] = 64 * 1024**2
    """A file that is larger is closed and the next one begun. None is ever removed by us."""
    source_id: str = ""
    """AuditSourceID: the name of this system; empty for the name of the machine."""
    site_id: str = ""
    """AuditEnterpriseSiteID: the site, as your organisation names it."""
    syslog: SyslogServer | None = None
    character_sets: tuple[SenderCharacterSet, ...] = ()
    """Of senders that declare none: ``workers.character_sets``."""


@dataclass(frozen=True)
class AssessmentSettings:
    """How readers assess results: rejection notes and verified copies, and documents with the codes given here.

    Each code is ``VALUE^SCHEME``; IHE's AI Result Assessment (AIRA) or a viewer's own codes.
    """

    accepted: tuple[str, ...] = ()
    modified: tuple[str, ...] = ()
    rejected: tuple[str, ...] = ()


@dataclass(frozen=True)
class ListenerSettings:
    """Settings of the Storage SCP. Times are in seconds, sizes in bytes."""

    spool: Path
    ae_title: str = "RADTME"
    host: str = "127.0.0.1"
    """Loopback only by default."""
    port: FreePort = 11112
    """0 takes a free port."""
    tls: ServerTls | None = None
    """None: unencrypted. 2762 is the registered port of DICOM over TLS; any other can be used."""
    require_called_ae_title: bool | None = None
    """Refuse another called AE title; null: only where other machines can reach the listener."""
    calling_ae_titles: tuple[str, ...] = ()
    """Who may associate, from any address; with ``peers`` empty too, everyone who reaches the port."""
    peers: tuple[AllowedPeer, ...] = ()
    """Who may associate, each with the addresses and the certificate that it has to have."""
    reporters: tuple[AllowedPeer, ...] = ()
    """Targets of storage commitment requests: they may associate to report on it, and for nothing else."""
    max_associations: Count = 16
    max_associations_per_peer: Count = 8
    max_pending_connections: Count = 64
    """Connections that have not associated yet. Each costs a thread for as long as the ACSE timeout."""
    max_pending_connections_per_peer: Count = 32
    max_objects_per_association: Count = 50_000
    """Requests in one association, C-ECHO counted too; it is aborted then, and its sender may open the next one."""
    max_pdu_bytes: Annotated[int, Ge(4096)] = 131072
    """dcmtk's own maximum: larger ones brought nothing."""
    max_object_bytes: Annotated[int, Ge(1024)] = 2 * 1024**3
    """As it comes; a longer one is refused with 0xC002."""
    max_inflated_bytes: Annotated[int, Ge(1024)] = 1024**3
    """Size of a deflated data set after inflating, which its length on the wire does not limit."""
    max_header_bytes: Annotated[int, Ge(1024)] = StructureLimits.max_header_bytes
    """Of a segmentation, before its pixels."""
    max_sequence_depth: Annotated[int, Ge(8)] = StructureLimits.max_sequence_depth
    max_sequence_items: Annotated[int, Ge(1000)] = StructureLimits.max_sequence_items
    max_referenced_instances: Count = 50_000
    """Images that a segmentation names: its job waits for each of them, and its file lists them."""
    max_quarantine_bytes: CountFromZero = 10 * 1024**3
    """Of refused objects that are kept for a person to look at. Beyond it they are refused and dropped."""
    max_quarantine_objects: CountFromZero = 20_000
    min_free_bytes: CountFromZero = 1024**3
    """Below this, C-STORE is answered with 0xA700 (out of resources)."""
    acse_timeout_seconds: TimeoutSeconds = 15.0
    idle_timeout_seconds: TimeoutSeconds = 60.0
    pdu_timeout_seconds: TimeoutSeconds = 30.0
    """A whole PDU must be there this long after its first byte."""
    message_timeout_seconds: TimeoutSeconds = 60.0
    """What a whole request, such as a C-STORE with its object, may take beyond its size at the slowest rate."""
    min_bytes_per_second: Count = 4096
    """The slowest rate: a peer that drips whole small PDUs is ended, one behind a slow line is not."""
    set_aside_other_body_parts: bool = True
    """Keep outlines apart whose headers, or those of their images, name another part of the body and no breast; False:
    they become cases, which the signature's acceptance contract then judges."""
    settle_seconds: SecondsFromZero = 2.0
    """A case is complete when every referenced instance is there, and nothing new came in its study for this
    long; at once where the SEG came last, and no association is open that has brought some of the study."""
    settle_unreferenced_seconds: SecondsFromZero = 60.0
    """The same where the SEG names no instance, or images converted from the missing ones take their place."""
    deadline_seconds: Seconds = 6 * 3600.0
    deadline_policy: DeadlinePolicy = DeadlinePolicy.CLOSE
    retrieve_from: RetrieveSource | None = None
    sweep_seconds: Seconds = 5.0
    """How often the spool is looked through for what a lost message left behind."""
    reannounce_seconds: Seconds = 60.0
    """A job that still lies where it lay is announced again after this long."""
    ledger_url: str | None = field(default=None, repr=False)
    """Of the ledger's database; None: SQLite in the spool. May hold a password: never shown."""
    lease_seconds: Seconds = 60.0
    """A running job whose worker on another machine gave no sign of life for so long is taken over."""
    redis_url: str = field(default="redis://127.0.0.1:6379/0", repr=False)
    """May hold a password: never shown."""
    metrics_host: str = "127.0.0.1"
    metrics_port: FreePort = 9101
    """0 takes a free port."""
    audit: AuditSettings | None = None
    """None: nothing is audited."""
    assessments: AssessmentSettings | None = None
    """Also accept reports and Key Object Selections, and note how they assess delivered results; None: refused."""

    @property
    def needs_called_ae_title(self) -> bool:
        """Whether a peer has to call us by our own name."""
        asked = self.require_called_ae_title
        return not is_loopback(self.host) if asked is None else asked

    @property
    def structure(self) -> StructureLimits:
        """How deep, wide and long the header of a segmentation may be."""
        return StructureLimits(self.max_sequence_depth, self.max_sequence_items, self.max_header_bytes)


def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach a server that listens on ``host``."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
