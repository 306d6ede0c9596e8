"""Chooses the tumour segments of an outline, and the segments that are excluded from the ring."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from pydicom import Dataset

from workers.errors import Reason, RejectedInput
from workers.notes import Note
from workers.outline.segment_rules import SegmentRole, SegmentRules
from workers.outline.segment_types import Evidence, SegmentMeaning, meaning_of

NO_RULES = SegmentRules()
MOST_SHOWN = 8
CURE = (
    "give the tumour's segment the type Neoplasm (3D Slicer: Segment Editor, double click on the segment's colour), "
    "name it 'Tumor' (OHIF: Segmentation panel, rename), or describe it in workers.segment_rules"
)


@dataclass(frozen=True)
class ChosenSegments:
    """The roles of an outline's segments in the measurement."""

    tumours: tuple[Dataset, ...]
    """Items of the Segment Sequence, one or more."""
    other_tissue_numbers: frozenset[int]
    notes: tuple[Note, ...]
    """How the tumour was identified, where no code identifies it."""

    def tumour(self, wanted: int | None, name: str) -> Dataset:
        """Return the tumour with this segment number, or the only one; ``name``: the outline in messages.

        Raises
        ------
        RejectedInput
            NO_TUMOUR_SEGMENT, SEVERAL_TUMOUR_SEGMENTS.
        """
        found = [item for item in self.tumours if wanted in (None, int(item.SegmentNumber))]
        if not found:
            numbers = ", ".join(str(item.SegmentNumber) for item in self.tumours)
            raise RejectedInput(
                Reason.NO_TUMOUR_SEGMENT,
                f"{name}: expected segment {wanted} to be a tumour, found the tumours in {numbers}",
            )
        if len(found) > 1:
            raise RejectedInput(
                Reason.SEVERAL_TUMOUR_SEGMENTS,
                f"{name}: its {len(found)} tumour segments are too many to be measured separately: put the parts "
                "of one tumour into one segment",
            )
        return found[0]

    def beside(self, tumour: Dataset) -> frozenset[int]:
        """Return the numbers of the segments that are excluded from this tumour's ring: other tissue, other tumours."""
        return self.other_tissue_numbers | {int(item.SegmentNumber) for item in self.tumours if item is not tumour}


def choose_segments(
    segments: Sequence[Dataset], rules: SegmentRules, name: str, empty: Collection[int] = ()
) -> ChosenSegments:
    """Return the tumours of an outline, and the tissue excluded from their rings; ``name``: the outline in messages.

    ``empty`` are the numbers of segments in which nothing is drawn: they count only where all tumours are empty.

    Rules and codes decide first; where none identifies a tumour, labels and code meanings; where these do not either, a
    single segment of which nothing is written is the tumour.

    Raises
    ------
    RejectedInput
        NO_TUMOUR_SEGMENT, with the labels and codes found.
    """
    meanings = [meaning_of(segment, rules) for segment in segments]
    tumours, note = _tumours(meanings, empty)
    if not tumours:
        shown = "; ".join(meaning.shown for meaning in meanings[:MOST_SHOWN]) or "no segment"
        more = f" and {len(meanings) - MOST_SHOWN} more" if len(meanings) > MOST_SHOWN else ""
        raise RejectedInput(
            Reason.NO_TUMOUR_SEGMENT,
            f"{name}: expected a segment that code or label call a neoplasm, mass or lesion, none of them benign, "
            f"found {shown}{more}: {CURE}",
        )
    by_number = {int(segment.SegmentNumber): segment for segment in segments}
    return ChosenSegments(
        tuple(by_number[meaning.number] for meaning in tumours),
        frozenset(meaning.number for meaning in meanings if meaning.role is SegmentRole.OTHER_TISSUE),
        (Note(note),) if note else (),
    )


def tumour_numbers(
    items: Sequence[Dataset], rules: SegmentRules = NO_RULES, empty: Collection[int] = ()
) -> tuple[int, ...]:
    """Return the segment numbers of the tumours among the items of a Segment Sequence; empty where there are none."""
    segments = [item for item in items if item.get("SegmentNumber")]
    try:
        chosen = choose_segments(segments, rules, "", empty)
    except RejectedInput:
        return ()
    return tuple(int(item.SegmentNumber) for item in chosen.tumours)


def _tumours(meanings: Sequence[SegmentMeaning], empty: Collection[int]) -> tuple[list[SegmentMeaning], str]:
    named = _drawn([meaning for meaning in meanings if meaning.role is SegmentRole.TUMOUR], empty)
    if sure := [meaning for meaning in named if meaning.evidence is not Evidence.WORDS]:
        return sure, ""
    if named:
        shown = "; ".join(meaning.shown for meaning in named[:MOST_SHOWN])
        return named, f"No code of the outline names a tumour; its label or its code's meaning does: {shown}."
    unknown = _drawn([meaning for meaning in meanings if meaning.role is None], empty)
    if len(unknown) == 1 and unknown[0].is_unnamed:
        shown = unknown[0].shown
        return unknown, f"The outline does not say what it shows; its only segment was taken for the tumour: {shown}."
    return [], ""


def _drawn(meanings: list[SegmentMeaning], empty: Collection[int]) -> list[SegmentMeaning]:
    return [meaning for meaning in meanings if meaning.number not in empty] or meanings
