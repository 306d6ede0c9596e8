"""Columns of a study's own: values of a patient, such as age or receptor status, that no image states."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

OWN_PREFIX = "own_"
"""Of such columns in tables and bundles, before the name that the study gives them."""


@dataclass(frozen=True)
class OwnColumn:
    """A column of the table of patients, and how its words become numbers."""

    SHORT_FORM: ClassVar = "column"
    """A configuration that gives one word alone means this field."""

    column: str
    """Its name in that table."""
    order: tuple[str, ...] = ()
    """Words in place of numbers: the first one counts 0, the next one 1. Without them the column holds numbers."""

    def __post_init__(self) -> None:
        """Refuse a column without a name, and words that are no order.

        Raises
        ------
        ValueError
            Naming the field.
        """
        if not self.column.strip():
            raise ValueError("column: expected the name of a column")
        if len(self.order) == 1 or len(self.codes) != len(self.order):
            raise ValueError(f"order: expected two different words or more, found {', '.join(self.order)}")

    @property
    def feature(self) -> str:
        """Its name in feature tables and bundles."""
        return f"{OWN_PREFIX}{self.column}"

    @property
    def codes(self) -> dict[str, float]:
        """The number of each word, whatever its case."""
        return {word.strip().casefold(): float(code) for code, word in enumerate(self.order)}


def own_of(columns: Iterable[str]) -> list[str]:
    """Return those columns that are a study's own."""
    return [name for name in columns if name.startswith(OWN_PREFIX)]
