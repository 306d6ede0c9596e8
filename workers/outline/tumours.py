"""The tumours of an outline, for a SEG and a structure set alike."""

from pydicom import Dataset

from workers.outline.outline import NO_RULES, empty_segments, is_structure_set
from workers.outline.segment_choice import tumour_numbers
from workers.outline.segment_rules import SegmentRules
from workers.outline.source_images import References, outline_references
from workers.outline.structure_set import contour_references, empty_regions, segments_of

MAX_TUMOURS = 20
"""Of one outline; an outline with more is refused, because its segments are unlikely to be tumours."""


def tumours_of(header: Dataset, rules: SegmentRules = NO_RULES) -> tuple[int, ...]:
    """Return the segment numbers of an outline's tumours, in order; empty where there are none, or too many."""
    if is_structure_set(header):
        found = tumour_numbers(segments_of(header), rules, empty_regions(header))
    else:
        found = tumour_numbers(header.get("SegmentSequence") or (), rules, empty_segments(header))
    return found if len(found) <= MAX_TUMOURS else ()


def drawn_on(header: Dataset) -> References:
    """Return the images that an outline references as those it was drawn on; empty where there are none."""
    if is_structure_set(header):
        return contour_references(header)
    return outline_references(header, header.get("PerFrameFunctionalGroupsSequence") or [])
