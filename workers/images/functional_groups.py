"""Attributes of an image, wherever a multi-frame image holds them (PS3.3 section C.7.6.16)."""

from collections.abc import Iterator

from pydicom import Dataset

from listener.dicom.data_set import UNREADABLE_BYTES
from workers.images.attributes import text


def value_of(header: Dataset, keyword: str, frame_number: int | None) -> str:
    """Return an attribute of an image as text, wherever a multi-frame image holds it; empty where it is absent.

    An attribute that differs between frames, such as the echo time, is in the functional groups of each frame.
    """
    if found := text(header, keyword):
        return found
    for groups in functional_groups(header, frame_number):
        for element in groups:
            for item in element.value if element.VR == "SQ" else ():
                if keyword in item and (found := _converted(item, keyword)):
                    return found
    return ""


def functional_groups(header: Dataset, frame_number: int | None) -> Iterator[Dataset]:
    """Yield the functional groups of a frame, then those that all frames share."""
    per_frame = header.get("PerFrameFunctionalGroupsSequence") or ()
    if frame_number is not None and frame_number <= len(per_frame):
        yield per_frame[frame_number - 1]
    yield from header.get("SharedFunctionalGroupsSequence") or ()


def _converted(item: Dataset, keyword: str) -> str:
    """Return an element of any value representation as text, including binary ones (VR FD)."""
    try:
        value = item[keyword].value
    except UNREADABLE_BYTES:
        return ""
    if value is None or isinstance(value, str) or not hasattr(value, "__iter__"):
        return "" if value is None else str(value).strip()
    return "\\".join(map(str, value))
