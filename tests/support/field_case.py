"""A kind of input that a hospital's listener receives, and its outcome."""

from dataclasses import dataclass
from enum import StrEnum

from workers.errors import Reason


class Ending(StrEnum):
    """The outcome of an input; the value is its text on the page."""

    MEASURED = "measured"
    REFUSED = "not scored"
    SET_ASIDE = "set aside"
    """The object is stored, but creates no job and no result."""
    COMMAND = "after a command"
    """A command reads this input; it is not sent to the listener."""


class Topic(StrEnum):
    """A section of the page."""

    SEGMENT = "Which segment is the tumour"
    PHASE = "Which phase is measured"
    IMAGES = "Which images can be measured"
    KIND = "Types of segmentations, and their geometry"
    SCANNER = "Peculiarities of scanners"
    SENDER = "Peculiarities of senders"


@dataclass(frozen=True)
class FieldCase:
    """One kind of input."""

    folder: str
    """Below ``field_cases``."""
    topic: Topic
    what: str
    """Description of the input on the page."""
    ending: Ending
    then: str
    """What happens and why, or what to do, on the page."""
    same_features_as: str = ""
    """``phantom`` or ``br06``: every feature is that of this reference."""
    reason: Reason | None = None
    """Of a refusal."""
    says: tuple[str, ...] = ()
    """Words that the refusal or the notes must contain."""


@dataclass(frozen=True)
class OtherCase:
    """One kind of input that a test makes itself."""

    test: str
    """File below ``tests`` and function, as pytest names them."""
    topic: Topic
    what: str
    """Description of the input on the page."""
    ending: Ending
    then: str
    """What happens and why, or what to do, on the page."""
    reason: Reason | None = None
    """Of a refusal."""
