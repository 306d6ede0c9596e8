"""One finding of `radtme check`, and small readers of data sets that may lack anything."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from pydicom import Dataset
from pydicom.sequence import Sequence


class Level(StrEnum):
    """How much a finding matters."""

    ERROR = "error"
    """It breaks the Standard, or a reference does not resolve."""
    WARNING = "warning"
    """A clause of IHE AI Results is not met, or a common viewer or reader fails on it."""


@dataclass(frozen=True)
class Finding:
    """What is wrong with an object."""

    path: str
    level: Level
    rule: str
    """Short name of the rule, the same in every version."""
    message: str


@dataclass(frozen=True, eq=False)
class CheckedObject:
    """An object and its file."""

    path: Path
    dataset: Dataset

    def error(self, rule: str, message: str) -> Finding:
        """Return an error of this object."""
        return Finding(str(self.path), Level.ERROR, rule, message)

    def warning(self, rule: str, message: str) -> Finding:
        """Return a warning about this object."""
        return Finding(str(self.path), Level.WARNING, rule, message)


def items(dataset: Dataset, keyword: str) -> list[Dataset]:
    """Return the items of a sequence; empty where it is absent, or is none."""
    found = dataset.get(keyword)
    return list(found) if isinstance(found, Sequence) else []


def descendants(item: Dataset) -> Iterator[Dataset]:
    """Yield an item of a content tree and all below it."""
    yield item
    for child in items(item, "ContentSequence"):
        yield from descendants(child)


def concept(item: Dataset) -> str:
    """Return the code value of a content item's name; empty where it has none."""
    names = items(item, "ConceptNameCodeSequence")
    return str(names[0].get("CodeValue", "")) if names else ""


def uid(dataset: Dataset, keyword: str = "SOPInstanceUID") -> str:
    """Return a UID as text; empty where it is absent."""
    return str(dataset.get(keyword) or "")


def referenced_sops(parent: Dataset) -> Iterator[Dataset]:
    """Yield the references of an evidence sequence's study items."""
    for series in items(parent, "ReferencedSeriesSequence"):
        yield from items(series, "ReferencedSOPSequence")
