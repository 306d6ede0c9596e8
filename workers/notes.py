"""Quality notes: what a reader of a result should know beside the verdict, with its severity."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How much a note matters."""

    NOTE = "note"
    """Worth knowing. It stands among the quality notes."""
    WARNING = "warning"
    """It changes how the score is to be read: it also stands on the key image and in the Series Descriptions."""


@dataclass(frozen=True)
class Note:
    """One quality note."""

    text: str
    severity: Severity = Severity.NOTE
    heading: str = ""
    """A warning in few words, for the key image; empty where the text is short enough."""

    @property
    def short(self) -> str:
        """The note in as few words as it has."""
        return self.heading or self.text


def warning(text: str, heading: str = "") -> Note:
    """Return a note that changes how the score is to be read."""
    return Note(text, Severity.WARNING, heading)


def warnings_of(notes: Iterable[Note]) -> tuple[Note, ...]:
    """Return the notes that change how the score is to be read."""
    return tuple(note for note in notes if note.severity is Severity.WARNING)
