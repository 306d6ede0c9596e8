"""A site's rules for the meaning of segments, for programs whose codes do not state it."""

from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase

from listener.settings import CountFromZero


class SegmentRole(StrEnum):
    """The role of a segment in the measurement."""

    TUMOUR = "tumour"
    OTHER_TISSUE = "other_tissue"
    """Vessel, skin, chest wall and the like: excluded from the ring."""
    IGNORED = "ignored"
    """Neither of these, for example the breast."""


@dataclass(frozen=True)
class SegmentRule:
    """One row of the table: the role of a segment that meets all given conditions; the first matching row applies."""

    role: SegmentRole
    sender: str = ""
    """AE title of the sender; empty: any."""
    code: str = ""
    """Scheme and value of the Segmented Property Type, such as ``SCT 85756007``; ``*`` stands for any characters."""
    label: str = ""
    """Segment Label, such as ``tumor*``; case-insensitive, ``*`` stands for any characters."""
    segment_number: CountFromZero | None = None

    def __post_init__(self) -> None:
        """Refuse a row that would apply to every segment."""
        if not self.code and not self.label and self.segment_number is None:
            raise ValueError("expected a code, a label or a segment_number: a rule without any fits every segment")

    def fits(self, sender: str, codes: tuple[str, ...], label: str, number: int) -> bool:
        """Return whether a segment with these type codes (``SCT 85756007``), label and number meets the conditions."""
        return (
            self.sender in ("", sender)
            and self.segment_number in (None, number)
            and (not self.label or fnmatchcase(label.casefold(), self.label.casefold()))
            and (not self.code or any(fnmatchcase(code, self.code) for code in codes))
        )


@dataclass(frozen=True)
class SegmentRules:
    """The rules of a site, applied to the outlines of one sender."""

    rows: tuple[SegmentRule, ...] = ()
    sender: str = ""

    def role_of(self, codes: tuple[str, ...], label: str, number: int) -> SegmentRole | None:
        """Return the role of a segment by the rules; None where no rule applies."""
        fitting = (row.role for row in self.rows if row.fits(self.sender, codes, label, number))
        return next(fitting, None)
