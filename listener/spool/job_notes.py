"""What happened to a job beside its way through the states: attempts, a failure, and what a person decided about it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

from listener.spool.record_file import LEFT_OUT_IF_NONE, UtcTime

RESULT_NAME = "result.json"
"""In the job's folder; the workers write and read it whole (`workers.results.result_record`)."""


@dataclass(frozen=True)
class GivenBack:
    """The last time that something around the job failed, such as a full disk, so that the attempt does not count."""

    at: UtcTime
    why: str


@dataclass(frozen=True)
class Attempts:
    """How often a worker began the job."""

    began: tuple[UtcTime, ...] = ()
    """One time for each attempt that counts."""
    given_back: Annotated[GivenBack | None, LEFT_OUT_IF_NONE] = None


@dataclass(frozen=True)
class Failure:
    """Why the job failed, and what a person can do."""

    reason: str
    """Coded; a value of `workers.errors.FailureReason`."""
    message: str
    at: UtcTime
    attempts: int = 0
    """That were begun."""


@dataclass(frozen=True)
class Hold:
    """Who holds the job: until it is released, it is not scored or sent and does not change its state."""

    by: str
    at: UtcTime
    why: str = ""


@dataclass(frozen=True)
class Drop:
    """Who gave the job up."""

    by: str
    at: UtcTime
    why: str
    state: str
    """In which state it was then; a value of `listener.spool.jobs.JobState`."""


@dataclass(frozen=True)
class IssuedObjects:
    """Which objects a result consists of: the part of ``result.json`` that the listener needs."""

    objects: Mapping[str, str] = field(default_factory=dict)
    """SOP Instance UIDs by role."""
