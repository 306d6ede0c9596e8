"""What the workers are told at start. Read once, handed on, never changed."""

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit

from listener.settings import AuditSettings, ClientTls
from workers.limits import LIMITS, Limits
from workers.webhook_settings import WebhookSettings

STEPS_OF_AN_ASSOCIATION = 3
"""Connecting, being accepted, releasing: each may take a target's whole timeout."""
DELIVERY_GRACE_SECONDS = 30.0
"""Between the interruption of a delivery and the end of its process."""


class ResultRole(StrEnum):
    """The objects that a case can bring forth, in the order in which they are sent: what is referred to goes first."""

    SEGMENTATION = "segmentation"
    KEY_IMAGE = "key_image"
    FEATURE_REPORT = "feature_report"
    SUMMARY_REPORT = "summary_report"


class Proof(StrEnum):
    """What has to be known before results count as delivered to a target."""

    SENT = "sent"
    """The target answered each C-STORE (STOW-RS) with success or a warning."""
    COMMITTED = "committed"
    """It took responsibility for each object (Storage Commitment Push Model)."""
    SEEN = "seen"
    """It lists each object when it is asked for it (C-FIND, QIDO-RS)."""
    COMMITTED_AND_SEEN = "committed_and_seen"

    @property
    def needs_commitment(self) -> bool:
        """Whether the target has to take responsibility."""
        return self in (Proof.COMMITTED, Proof.COMMITTED_AND_SEEN)

    @property
    def needs_look(self) -> bool:
        """Whether the target has to list what it took."""
        return self in (Proof.SEEN, Proof.COMMITTED_AND_SEEN)


class Fallback(StrEnum):
    """The plainest form in which a target may get a result that it does not take as it was made."""

    DOCUMENT = "document"
    """A plainer SR; else Encapsulated PDF or Secondary Capture, for people only."""
    REPORT = "report"
    """A plainer SR that says the same."""
    NONE = "none"
    """As it was made, or not at all."""


class TargetKind(StrEnum):
    """How a target is spoken to."""

    DIMSE = "dimse"
    """A Storage SCP: C-STORE."""
    DICOMWEB = "dicomweb"
    """A DICOMweb server: STOW-RS."""


@dataclass(frozen=True)
class Target:
    """One Storage SCP or DICOMweb server that results go to."""

    name: str
    ae_title: str = ""
    host: str = ""
    port: int = 0
    results: frozenset[ResultRole] = frozenset(ResultRole)
    """Which objects this target gets."""
    timeout_seconds: float = 30.0
    """For connecting, for the association and for each response."""
    fallback: Fallback = Fallback.DOCUMENT
    """What may go there instead of a result that it does not take."""
    proof: Proof = Proof.SENT
    """What counts as delivered."""
    commitment_wait_seconds: float = 5.0
    """How long an association stays open for the commitment report; later ones come to the listener."""
    commitment_timeout_seconds: float = 3600.0
    """A commitment that was not reported on after this long is asked for again."""
    tls: ClientTls | None = None
    """None: in the clear."""
    kind: TargetKind = TargetKind.DIMSE
    """dimse needs ``ae_title``, ``host`` and ``port``; dicomweb needs ``url``."""
    url: str = ""
    """Of the DICOMweb service, such as ``https://pacs.example/dicom-web``: what stands before ``/studies``."""
    token_file: Path | None = None
    """Holds the bearer token; read anew for each try."""
    user: str = ""
    password_file: Path | None = None
    """For HTTP Basic authentication."""

    @property
    def where(self) -> str:
        """How people name the place that it is at."""
        return self.url if self.kind is TargetKind.DICOMWEB else f"{self.ae_title}@{self.host}:{self.port}"

    @property
    def host_name(self) -> str:
        """The machine that it is on."""
        return (urlsplit(self.url).hostname or "") if self.kind is TargetKind.DICOMWEB else self.host


@dataclass(frozen=True)
class WorkerSettings:
    """Settings of the workers. Times are in seconds."""

    spool: Path
    model_store: Path
    """The folder of the signature registry."""
    targets: tuple[Target, ...] = ()
    ae_title: str = "RADTME"
    institution_name: str = ""
    concurrency: int = 1
    soft_time_limit_seconds: float = 240.0
    """A case that takes longer ends as not scored, with this as its reason."""
    hard_time_limit_seconds: float = 300.0
    """The worker process is killed this long after it began."""
    max_job_memory_bytes: int = 4 * 1024**3
    """What a case may take beyond what its process has at its start. A case that needs more ends as not scored."""
    limits: Limits = LIMITS
    """What a case may ask for."""
    max_attempts: int = 3
    """A job that killed its worker this often is a failed job."""
    first_retry_seconds: float = 30.0
    last_retry_seconds: float = 1800.0
    """Waits between deliveries double from the first to this one, and go on at this one."""
    breaker_failures: int = 3
    """A target that could not be reached this often in a row is left alone until it answers a probe."""
    redis_url: str = field(default="redis://127.0.0.1:6379/0", repr=False)
    """May hold a password: never shown."""
    metrics_host: str = "127.0.0.1"
    metrics_port: int = 9102
    """0 takes a free port."""
    audit: AuditSettings | None = None
    """None: nothing is audited."""
    webhook: WebhookSettings | None = None
    """None: nobody is told what became of a case."""

    @property
    def delivery_limit_seconds(self) -> float:
        """How long one visit to a target may take: what it may take for each step, and a minute.

        At the most there are four associations: to probe, to send, to ask for commitment and to look.
        """
        steps = 4 * STEPS_OF_AN_ASSOCIATION + 2 * len(ResultRole) + 2
        slowest = max((steps * one.timeout_seconds + one.commitment_wait_seconds for one in self.targets), default=0.0)
        return 60.0 + slowest

    @property
    def visibility_timeout_seconds(self) -> int:
        """How long Redis waits before it gives an unacknowledged message to another worker."""
        return int(max(self.hard_time_limit_seconds, self.delivery_limit_seconds + DELIVERY_GRACE_SECONDS)) + 60
