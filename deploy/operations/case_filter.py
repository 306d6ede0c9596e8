"""What cases are searched by, for the commands and pages that search; without the ledger's libraries."""

from dataclasses import dataclass
from datetime import datetime

from listener.spool.jobs import JobState


@dataclass(frozen=True)
class CaseFilter:
    """What cases are searched by; what is empty does not matter."""

    since: datetime | None = None
    """They came, or changed, at this time or later."""
    states: tuple[JobState, ...] = ()
    reason: str | None = None
    """Why they failed or were not scored."""
    target: str | None = None
    """That does not have their results yet."""
    score: tuple[float, float] | None = None
    """The lowest and the highest score."""
    case: str | None = None
    """The id of their job, or their Study Instance UID."""

    @property
    def is_empty(self) -> bool:
        """Whether every case fits."""
        return self == CaseFilter()
