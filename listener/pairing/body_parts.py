"""Evidence in headers that an outline was not drawn on a breast: routing rules also send livers and prostates.

Body Part Examined (PS3.16 annex L) is often wrong or a default, so a word for the breast anywhere outweighs it, and
only a word for another part of the body is evidence: no word at all is none.
"""

from collections.abc import Iterable

from pydicom.dataset import Dataset

from listener.dicom.body_part_words import BREAST, find_other_body_part

BODY_PART_TAGS = (
    "BodyPartExamined",
    "StudyDescription",
    "SeriesDescription",
    "ProtocolName",
    "RequestedProcedureDescription",
)


def other_body_part(headers: Iterable[Dataset]) -> str:
    """Return the word by which these headers name another part of the body than the breast; empty where none does.

    Of an outline every segment has to name one: a breast may be outlined together with heart and liver.
    """
    found = list(headers)
    segments = [segment for header in found for segment in header.get("SegmentSequence") or ()]
    texts = [str(header.get(keyword) or "") for header in found for keyword in BODY_PART_TAGS]
    said = [_of_segment(segment) for segment in segments]
    if any(BREAST.search(text) for text in (*texts, *said)):
        return ""
    words = [match[0].lower() for text in texts if (match := find_other_body_part(text))]
    of_segments = [match[0].lower() for text in said if (match := find_other_body_part(text))]
    if said and len(of_segments) == len(said):
        words += of_segments
    return words[0] if words else ""


def _of_segment(segment: Dataset) -> str:
    codes = [*(segment.get("AnatomicRegionSequence") or ()), *(segment.get("SegmentedPropertyTypeCodeSequence") or ())]
    return " ".join([str(segment.get("SegmentLabel") or ""), *(str(code.get("CodeMeaning") or "") for code in codes)])
