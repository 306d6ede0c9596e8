"""Finding site and side of the tumour, as far as the headers of its images or its segment state them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pydicom import Dataset
from pydicom.sr.coding import Code

from workers.images.attributes import items, text
from workers.results import codes

BREAST_CODES = {("SCT", "76752008"), ("SRT", "T-04000"), ("SNM3", "T-04000")}
SIDES = {"L": codes.LEFT, "R": codes.RIGHT, "B": codes.BILATERAL}
"""Laterality, Image Laterality and Frame Laterality (PS3.3 C.7.3.1, C.8.1.1, 10.5)."""
SIDE_CODES = {
    ("SCT", "7771000"): codes.LEFT,
    ("SRT", "G-A101"): codes.LEFT,
    ("SCT", "24028007"): codes.RIGHT,
    ("SRT", "G-A100"): codes.RIGHT,
}


@dataclass(frozen=True)
class Site:
    """Where the tumour is."""

    is_breast: bool
    side: Code | None = None
    """None where no header states it, or headers contradict each other."""

    @property
    def words(self) -> str:
        """The site for readers, such as ``Left breast``; empty where nothing states it."""
        part = "breast" if self.is_breast else ""
        return f"{self.side.meaning} {part}".strip() if self.side else part.capitalize()


def site_of(headers: Sequence[Dataset], segment: Dataset | None) -> Site:
    """Return the site from the headers of the measured images and the tumour's segment.

    The side of a segment counts more than ``B`` of its images: a tumour lies in one breast.
    """
    sources = [*headers[:1], *([segment] if segment is not None else [])]
    found = {side for source in sources for side in _sides(source)}
    one_sided = found - {codes.BILATERAL}
    side = next(iter(one_sided)) if len(one_sided) == 1 else None
    return Site(any(map(_is_breast, sources)), side)


def _is_breast(source: Dataset) -> bool:
    regions = [region for holder in _anatomies(source) for region in items(holder, "AnatomicRegionSequence")]
    return "BREAST" in text(source, "BodyPartExamined").upper() or any(_key(one) in BREAST_CODES for one in regions)


def _sides(source: Dataset) -> Iterator[Code]:
    for holder in _anatomies(source):
        for keyword in ("ImageLaterality", "FrameLaterality", "Laterality"):
            if (value := text(holder, keyword).upper()) in SIDES:
                yield SIDES[value]
        for region in items(holder, "AnatomicRegionSequence"):
            for modifier in items(region, "AnatomicRegionModifierSequence"):
                if _key(modifier) in SIDE_CODES:
                    yield SIDE_CODES[_key(modifier)]


def _anatomies(source: Dataset) -> Iterator[Dataset]:
    """Yield the header itself and the Frame Anatomy items that apply to all frames (PS3.3 C.7.6.16.2.8)."""
    yield source
    for shared in items(source, "SharedFunctionalGroupsSequence"):
        yield from items(shared, "FrameAnatomySequence")


def _key(code: Dataset) -> tuple[str, str]:
    return text(code, "CodingSchemeDesignator"), text(code, "CodeValue")
