"""The steps of a self-test, and how each can end."""

from dataclasses import dataclass
from enum import StrEnum


class SelfTestStep(StrEnum):
    """What is checked, in this order."""

    SENT = "sent"
    ACKNOWLEDGED = "acknowledged"
    PAIRED = "paired"
    SCORED = "scored"
    FEATURES = "features equal"
    DELIVERED = "delivered"
    SEEN = "seen"


class Verdict(StrEnum):
    """The outcome of a step."""

    OK = "OK"
    FAILED = "FAILED"
    SKIPPED = "skipped"
    """It could not be checked, and need not be."""
    NOT_REACHED = "not reached"
    """A step before it failed."""


@dataclass(frozen=True)
class Checked:
    """One step, how it ended and what to do about it."""

    step: SelfTestStep
    verdict: Verdict
    seconds: float = 0.0
    detail: str = ""
    remedy: str = ""


class StepFailed(Exception):
    """A step failed."""

    def __init__(self, detail: str, remedy: str) -> None:
        super().__init__(detail)
        self.detail = detail
        self.remedy = remedy


class StepSkipped(Exception):
    """A step cannot be checked here; the message is the reason."""
