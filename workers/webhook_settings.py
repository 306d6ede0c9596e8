"""Whom to tell what became of a case."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from listener.settings import ClientTls


class Outcome(StrEnum):
    """What can be told of a case."""

    SCORED = "scored"
    NOT_SCORED = "not_scored"
    FAILED = "failed"
    DELIVERED = "delivered"


@dataclass(frozen=True)
class WebhookSettings:
    """A URL that is told by POST what became of each case: JSON without patient data. Off without ``url``."""

    url: str = ""
    """Such as ``https://hospital.example/radtme``. Redirects are not followed."""
    outcomes: tuple[Outcome, ...] = tuple(Outcome)
    """Which outcomes are told."""
    tls: ClientTls | None = None
    """Needed for https."""
    secret_file: Path | None = None
    """Holds one line that goes into ``secret_header``; read anew for each request."""
    secret_header: str = "X-Radtme-Secret"  # noqa: S105 - the name of a header
    template: Path | None = None
    """A Jinja template of a body of your own, which has to come out as JSON; none: all fields."""
    include_uids: bool = False
    """Tell also the UIDs of study and outline: with them a patient can be found in the PACS."""
    timeout_seconds: float = 10.0
    """For connecting and for the answer."""
    give_up_hours: int = 24
    """What could not be told for so long is not told any more."""
