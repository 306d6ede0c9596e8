"""Data Elements read without pydicom's conversion, which takes longer than reading hundreds of headers does."""

import math

from pydicom import DataElement, Dataset
from pydicom.datadict import tag_for_keyword
from pydicom.dataelem import RawDataElement

from workers.errors import Reason, RejectedInput

BINARY_INTEGER_BYTES = (2, 4)
"""Of one value: VR US and SS, UL and SL."""


def text(dataset: Dataset, keyword: str) -> str:
    """Return an element as text without padding, several values with backslashes between; empty where it is absent.

    Raises
    ------
    RejectedInput
        UNREADABLE_OBJECT where it is of no kind that DICOM knows.
    """
    element = _element(dataset, keyword)
    if element is None or element.value is None:
        return ""
    if isinstance(element, RawDataElement):
        return element.value.decode("ascii", "replace").strip(" \0")
    value = element.value
    if isinstance(value, str) or not hasattr(value, "__iter__"):
        return str(value).strip()
    return "\\".join(str(part) for part in value)


def numbers(dataset: Dataset, keyword: str) -> tuple[float, ...]:
    """Return the values of a decimal or integer string (VR DS, IS); empty where there are none.

    Raises
    ------
    RejectedInput
        UNREADABLE_OBJECT where a value is no number.
    """
    content = text(dataset, keyword)
    if not content:
        return ()
    try:
        return tuple(float(part) for part in content.split("\\"))
    except ValueError as error:
        raise RejectedInput(
            Reason.UNREADABLE_OBJECT,
            f"{text(dataset, 'SOPInstanceUID')}: {keyword} is expected to hold numbers and does not",
        ) from error


def number(dataset: Dataset, keyword: str) -> float | None:
    """Return the only value of a decimal or integer string, or None where there is none."""
    values = numbers(dataset, keyword)
    return values[0] if values else None


def optional_number(dataset: Dataset, keyword: str) -> float | None:
    """Return the first value of a decimal or integer string that nothing depends on; None where it is no number.

    Scanners and archives write texts and decimal commas into such elements (``IM-12``, ``1,5``).
    """
    first = text(dataset, keyword).split("\\")[0]
    try:
        value = float(first)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def integer(dataset: Dataset, keyword: str) -> int | None:
    """Return the only value of a binary integer (VR US, UL), or None where there is none.

    Raises
    ------
    RejectedInput
        UNREADABLE_OBJECT where it is no single integer: pydicom gives out bytes of any length as they are.
    """
    element = _element(dataset, keyword)
    if element is None or element.value is None:
        return None
    if isinstance(element, RawDataElement):
        if not element.value:
            return None
        if len(element.value) in BINARY_INTEGER_BYTES:
            return int.from_bytes(element.value, "little" if element.is_little_endian else "big")
    elif isinstance(element.value, int):
        return element.value
    raise RejectedInput(
        Reason.UNREADABLE_OBJECT,
        f"{text(dataset, 'SOPInstanceUID')}: {keyword} is expected to hold one integer and does not",
    )


def _element(dataset: Dataset, keyword: str) -> DataElement | RawDataElement | None:
    try:
        return dataset.get_item(tag_for_keyword(keyword) or keyword)
    except NotImplementedError as error:  # pydicom converts an element without a value at once, by its VR
        raise RejectedInput(
            Reason.UNREADABLE_OBJECT, f"{keyword} of an object has a value representation that DICOM does not know"
        ) from error
