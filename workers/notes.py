"""Quality notes: what a reader of a result should know beside the verdict, with its severity."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How much a note matters."""

    NOTE = "note"
    """Worth knowing. It stands among the quality notes."""
    WARNING = "warning"
    """It changes how the score is to be read: it also stands on the key image and in the Series Descriptions."""


@dataclass(frozen=True)
class Phrase:
    """A few words: an English template and its values, so that they can be said in another language."""

    template: str
    values: tuple[tuple[str, "str | int | tuple[Phrase, ...]"], ...] = ()
    """By name; several phrases are a list."""

    def said(self, say: Callable[..., str] = str.format) -> str:
        """Return the words as ``say`` puts a template and its values; in English without one."""
        values = {
            name: ", ".join(one.said(say) for one in value) if isinstance(value, tuple) else value
            for name, value in self.values
        }
        return say(self.template, **values)


def phrase(template: str, **values: "str | int | tuple[Phrase, ...]") -> Phrase:
    """Return a phrase with these values."""
    return Phrase(template, tuple(values.items()))


@dataclass(frozen=True)
class Note:
    """One quality note."""

    text: str
    severity: Severity = Severity.NOTE
    heading: str | Phrase = ""
    """The note in few words, for the key image; empty where the text is short enough, or does not stand there."""

    def short(self, say: Callable[..., str] = str.format) -> str:
        """Return the note in as few words as it has; only these can be said in another language."""
        if not self.heading:
            return self.text
        few = Phrase(self.heading) if isinstance(self.heading, str) else self.heading
        return few.said(say)


def warning(text: str, heading: str | Phrase = "") -> Note:
    """Return a note that changes how the score is to be read."""
    return Note(text, Severity.WARNING, heading)


def warnings_of(notes: Iterable[Note]) -> tuple[Note, ...]:
    """Return the notes that change how the score is to be read."""
    return tuple(note for note in notes if note.severity is Severity.WARNING)
