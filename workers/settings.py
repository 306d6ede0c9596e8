"""The settings of the workers: read once at start, handed on, never changed."""

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from annotated_types import Ge

from listener.dicom.sender_character_sets import SenderCharacterSet
from listener.settings import (
    AuditSettings,
    ClientTls,
    Count,
    CountFromZero,
    FreePort,
    Hours,
    Seconds,
    SecondsFromZero,
    TimeoutSeconds,
)
from model_store.signatures.acceptance import Criterion
from workers.features.engine.choice import Engine
from workers.limits import LIMITS, Limits
from workers.outline.segment_rules import SegmentRule
from workers.results.result_roles import ResultRole
from workers.targets.target import Target
from workers.texts.wording import ENGLISH, Wording

STEPS_OF_AN_ASSOCIATION = 3
"""Connecting, negotiating and releasing: each may take a target's whole timeout."""
DELIVERY_GRACE_SECONDS = 30.0
"""Between the interruption of a delivery and the end of its process."""


class CaseOutcome(StrEnum):
    """The outcomes of a case that the webhook can report."""

    SCORED = "scored"
    NOT_SCORED = "not_scored"
    FAILED = "failed"
    DELIVERED = "delivered"


@dataclass(frozen=True)
class WebhookSettings:
    """A URL that receives the outcome of each case by POST: JSON without patient data. Off without ``url``."""

    url: str = ""
    """Such as ``https://hospital.example/radtme``. Redirects are not followed."""
    outcomes: tuple[CaseOutcome, ...] = tuple(CaseOutcome)
    """Which outcomes are sent."""
    tls: ClientTls | None = None
    """Needed for https."""
    secret_file: Path | None = None
    """A file with one line that is sent in ``secret_header``; read again for each request."""
    secret_header: str = "X-Radtme-Secret"  # noqa: S105 - the name of a header
    template: Path | None = None
    """A Jinja template of a body of your own, which has to come out as JSON; none: all fields."""
    include_uids: bool = False
    """Include the UIDs of study and outline: with them a patient can be found in the PACS."""
    timeout_seconds: TimeoutSeconds = 10.0
    """For connecting and for the answer."""
    give_up_hours: Hours = 24
    """A notification that could not be sent for this long is given up."""


@dataclass(frozen=True)
class WorkerSettings:
    """Settings of the workers. Times are in seconds."""

    spool: Path
    model_store: Path
    """The folder of the signature registry."""
    targets: tuple[Target, ...] = ()
    ae_title: str = "RADTME"
    institution_name: str = ""
    report: Wording = ENGLISH
    """Language, names of the verdicts, series numbers and descriptions of the results."""
    character_sets: tuple[SenderCharacterSet, ...] = ()
    """The character sets of senders that declare no Specific Character Set; the first matching row applies.
    """
    concurrency: Count = 1
    soft_time_limit_seconds: Seconds = 240.0
    """A case that takes longer ends as not scored, for that reason."""
    hard_time_limit_seconds: Seconds = 300.0
    """The worker process is killed this long after it began."""
    stability_seconds: SecondsFromZero = 5.0
    """What redrawing the outline of a case may take, by prediction and not by the clock; 0: outlines are not redrawn.
    Fewer than 6 redrawn outlines say nothing, more than 10 are not drawn."""
    engine: Engine = Engine.RADTME
    """What measures the features: radtme's own engine, or pyradiomics, which gives the same values in more time."""
    engine_check_interval: CountFromZero = 50
    """One case in this many is measured by both engines; a difference stops scoring. 0: none. Only for `radtme`."""
    max_job_memory_bytes: Annotated[int, Ge(64 * 1024**2)] = 4 * 1024**3
    """Memory of a case beyond what its process has at its start. A case that needs more ends as not scored."""
    limits: Limits = LIMITS
    """Size limits of a case."""
    segment_rules: tuple[SegmentRule, ...] = ()
    """What segments are where their codes do not say it: a tumour, other tissue, or neither."""
    criteria_as_notes: tuple[Criterion, ...] = ()
    """Acceptance criteria that warn in place of refusing a case. Each such case says so in its results."""
    max_attempts: Count = 3
    """A job that killed its worker this often is a failed job."""
    first_retry_seconds: Seconds = 30.0
    last_retry_seconds: Seconds = 1800.0
    """Waits between delivery attempts double from the first one up to this one."""
    breaker_failures: Count = 3
    """After this many consecutive failures a target's circuit opens: nothing is sent until it answers a probe."""
    ledger_url: str | None = field(default=None, repr=False)
    """Of the ledger's database; None: SQLite in the spool. May hold a password: never shown."""
    lease_seconds: Seconds = 60.0
    """A running job whose worker on another machine gave no sign of life for so long is taken over."""
    redis_url: str = field(default="redis://127.0.0.1:6379/0", repr=False)
    """May hold a password: never shown."""
    metrics_host: str = "127.0.0.1"
    metrics_port: FreePort = 9102
    """0 takes a free port."""
    audit: AuditSettings | None = None
    """None: nothing is audited."""
    webhook: WebhookSettings | None = None
    """None: no webhook."""

    @property
    def delivery_limit_seconds(self) -> float:
        """How long one delivery attempt may take: the limits of its steps, and a minute.

        There are at most four associations: to probe, to send, to request commitment and to query.
        """
        steps = 4 * STEPS_OF_AN_ASSOCIATION + 2 * len(ResultRole) + 2
        slowest = max((steps * one.timeout_seconds + one.commitment_wait_seconds for one in self.targets), default=0.0)
        return 60.0 + slowest

    @property
    def visibility_timeout_seconds(self) -> int:
        """How long Redis waits before it gives an unacknowledged message to another worker."""
        return int(max(self.hard_time_limit_seconds, self.delivery_limit_seconds + DELIVERY_GRACE_SECONDS)) + 60
