"""Evidence in headers that an outline was not drawn on a breast: routing rules also send livers and prostates.

Body Part Examined (PS3.16 annex L) is often wrong or a default, so a word for the breast anywhere outweighs it, and
only a word for another part of the body is evidence: no word at all is none.
"""

from collections.abc import Iterable

from pydicom.dataset import Dataset

from listener.dicom.body_part_words import (
    examined_as_a_breast,
    names_breast,
    other_body_part_described,
    other_body_part_in,
)

BODY_PART_TAGS = (
    "BodyPartExamined",
    "StudyDescription",
    "SeriesDescription",
    "ProtocolName",
    "RequestedProcedureDescription",
)
TECHNIQUE_TAGS = ("ReceiveCoilName", "PatientPosition")
"""What tells an examination of a breast that is described as one of the chest."""
ALSO_OF_BREASTS = frozenset({"CHEST", "THORAX"})
"""Values of Body Part Examined that examinations of a breast have, too."""


def other_body_part(headers: Iterable[Dataset], *, is_chest_another: bool = True) -> str:
    """Return the word by which these headers name another part of the body than the breast; empty where none does.

    Of an outline every segment has to name one: a breast may be outlined together with heart and liver.

    ``is_chest_another``: whether a description of a chest counts; not where the headers tell that a breast was
    examined.
    """
    found = list(headers)
    segments = [segment for header in found for segment in header.get("SegmentSequence") or ()]
    texts = [str(header.get(keyword) or "") for header in found for keyword in BODY_PART_TAGS]
    texts = [text for text in texts if text.strip().upper() not in ALSO_OF_BREASTS]
    said = [_of_segment(segment) for segment in segments]
    if any(map(names_breast, (*texts, *said))):
        return ""
    is_chest_another = is_chest_another and not any(map(_is_of_a_breast, found))
    if word := other_body_part_described(texts, is_chest_another=is_chest_another):
        return word
    of_segments = [other_body_part_in([text]) for text in said]
    return of_segments[0] if all(of_segments) and of_segments else ""


def _is_of_a_breast(header: Dataset) -> bool:
    return examined_as_a_breast(*(str(header.get(keyword) or "") for keyword in TECHNIQUE_TAGS))


def _of_segment(segment: Dataset) -> str:
    codes = [*(segment.get("AnatomicRegionSequence") or ()), *(segment.get("SegmentedPropertyTypeCodeSequence") or ())]
    return " ".join([str(segment.get("SegmentLabel") or ""), *(str(code.get("CodeMeaning") or "") for code in codes)])
