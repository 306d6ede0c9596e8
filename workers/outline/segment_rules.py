"""What a site says its segments are, where the codes of its programs do not say it."""

from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase

from listener.settings import CountFromZero


class SegmentRole(StrEnum):
    """What a segment is to the measurement."""

    TUMOUR = "tumour"
    OTHER_TISSUE = "other_tissue"
    """Vessel, skin, chest wall and the like: taken out of the ring."""
    IGNORED = "ignored"
    """Neither: the breast, for example."""


@dataclass(frozen=True)
class SegmentRule:
    """One row of the table: a segment that meets every condition given has this role; the first row counts."""

    role: SegmentRole
    sender: str = ""
    """AE title of the sender; empty: any."""
    code: str = ""
    """Scheme and value of the Segmented Property Type, such as ``SCT 85756007``; ``*`` stands for any characters."""
    label: str = ""
    """Segment Label, such as ``tumor*``; capitals do not count, ``*`` stands for any characters."""
    segment_number: CountFromZero | None = None

    def __post_init__(self) -> None:
        """Refuse a row that would hold for every segment."""
        if not self.code and not self.label and self.segment_number is None:
            raise ValueError("expected a code, a label or a segment_number: a rule without any holds for every segment")

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
    """The table of a site, for the outlines of one sender."""

    rows: tuple[SegmentRule, ...] = ()
    sender: str = ""

    def role_of(self, codes: tuple[str, ...], label: str, number: int) -> SegmentRole | None:
        """Return what the table says a segment is; None where it says nothing."""
        fitting = (row.role for row in self.rows if row.fits(self.sender, codes, label, number))
        return next(fitting, None)
