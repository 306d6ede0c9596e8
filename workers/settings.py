"""The settings of the workers: read once at start, handed on, never changed."""

import random
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from annotated_types import Ge

from listener.settings import AuditSettings, ClientTls, Count, FreePort, Seconds
from workers.limits import LIMITS, Limits
from workers.outline.segment_rules import SegmentRule
from workers.results.readable_texts import SenderCharacterSet
from workers.results.result_classes import ResultRole
from workers.targets.target import Target

STEPS_OF_AN_ASSOCIATION = 3
"""Connecting, being accepted, releasing: each may take a target's whole timeout."""
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
    """Holds one line that goes into ``secret_header``; read anew for each request."""
    secret_header: str = "X-Radtme-Secret"  # noqa: S105 - the name of a header
    template: Path | None = None
    """A Jinja template of a body of your own, which has to come out as JSON; none: all fields."""
    include_uids: bool = False
    """Tell also the UIDs of study and outline: with them a patient can be found in the PACS."""
    timeout_seconds: Seconds = 10.0
    """For connecting and for the answer."""
    give_up_hours: Count = 24
    """What could not be told for so long is not told any more."""


@dataclass(frozen=True)
class WorkerSettings:
    """Settings of the workers. Times are in seconds."""

    spool: Path
    model_store: Path
    """The folder of the signature registry."""
    targets: tuple[Target, ...] = ()
    ae_title: str = "RADTME"
    institution_name: str = ""
    character_sets: tuple[SenderCharacterSet, ...] = ()
    """What the texts of senders are written in that declare no Specific Character Set; the first row that fits counts.
    """
    concurrency: Count = 1
    soft_time_limit_seconds: Seconds = 240.0
    """A case that takes longer ends as not scored, with this as its reason."""
    hard_time_limit_seconds: Seconds = 300.0
    """The worker process is killed this long after it began."""
    max_job_memory_bytes: Annotated[int, Ge(64 * 1024**2)] = 4 * 1024**3
    """What a case may take beyond what its process has at its start. A case that needs more ends as not scored."""
    limits: Limits = LIMITS
    """What a case may ask for."""
    segment_rules: tuple[SegmentRule, ...] = ()
    """What the site's segments are, where their codes do not say it: a tumour, other tissue, or neither."""
    max_attempts: Count = 3
    """A job that killed its worker this often is a failed job."""
    first_retry_seconds: Seconds = 30.0
    last_retry_seconds: Seconds = 1800.0
    """Waits between deliveries double from the first to this one, and go on at this one."""
    breaker_failures: Count = 3
    """A target that could not be reached this often in a row is left alone until it answers a probe."""
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


JITTER = 0.2
"""Share of a wait that is random, so that the cases of a night do not all come back in the same second."""


def wait_seconds(tries: int, settings: WorkerSettings) -> float:
    """Return how long to wait after the ``tries``-th try: doubling, capped, with jitter."""
    doubled = settings.first_retry_seconds * 2.0 ** min(tries - 1, 30)
    wait = min(doubled, settings.last_retry_seconds)
    return wait * (1 + random.uniform(-JITTER, JITTER))  # noqa: S311 - spreads load, hides nothing
