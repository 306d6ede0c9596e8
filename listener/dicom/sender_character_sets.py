"""In which character set a sender writes the texts for which it declares none."""

from dataclasses import dataclass

DEFINED_TERMS = frozenset(
    {
        *(f"ISO_IR {number}" for number in (13, 100, 101, 109, 110, 126, 127, 138, 144, 148, 166, 192, 203)),
        *(f"ISO 2022 IR {number}" for number in (6, 13, 58, 87, 100, 101, 109, 110, 126, 127, 138, 144, 148, 149)),
        *(f"ISO 2022 IR {number}" for number in (159, 166, 203)),
        *("GB18030", "GBK"),
    }
)
"""Of Specific Character Set (PS3.3 section C.12.1.1.2), without the default repertoire, which means no declaration."""

UNREADABLE_TEXT = "Left out because its character set is unknown"
"""How the note of a case begins whose sender declares none and has none here."""


@dataclass(frozen=True)
class SenderCharacterSet:
    """What the undeclared texts of a sender are written in."""

    character_set: str
    """A defined term of Specific Character Set, such as ``GB18030``, ``ISO_IR 13`` or ``ISO_IR 100``."""
    sender: str = ""
    """AE title; empty: any."""

    def __post_init__(self) -> None:
        """Refuse a value that is not a defined term."""
        if self.character_set not in DEFINED_TERMS:
            raise ValueError(
                f"expected a defined term of Specific Character Set such as GB18030, ISO_IR 13 or ISO_IR 100, "
                f"found {self.character_set!r}"
            )


def character_set_of(sender: str | None, table: tuple[SenderCharacterSet, ...]) -> str:
    """Return what the undeclared texts of a sender are written in; empty where the site does not say."""
    return next((row.character_set for row in table if row.sender in ("", sender)), "")
