"""Reads Data Elements without pydicom's conversion, which takes longer than reading hundreds of headers does."""

import functools
import math
import re
from collections.abc import Sequence
from typing import Literal

from pydicom import DataElement, Dataset
from pydicom.dataelem import RawDataElement
from pydicom.tag import BaseTag, Tag

from listener.dicom.data_set import UNREADABLE_BYTES
from workers.errors import Reason, RejectedInput, is_of_the_machine
from workers.images.plain_header import tag_object
from workers.limits import is_out_of_memory

DECIMAL = re.compile(r" *[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)? *", re.ASCII)
"""A decimal or integer string (VR DS, IS). Python's float accepts more, such as ``nan`` and ``1_0``."""
STORED_VALUE_VRS = (None, "US", "SS", "OW", "UN")
"""None: in a file of implicit VR."""
BINARY_INTEGER_BYTES = (2, 4)
"""VRs of one binary value, by size: US and SS, UL and SL."""


def text(dataset: Dataset, keyword: str) -> str:
    """Return an element as text without padding, several values separated by backslashes; empty where it is absent.

    Raises
    ------
    RejectedInput
        UNREADABLE_OBJECT where its value representation is unknown to DICOM.
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


def decoded(dataset: Dataset, keyword: str) -> str:
    """Return an element in the letters of its character set, as a description in any language needs it."""
    try:
        return str(dataset.get(keyword) or "")
    except UNREADABLE_BYTES:
        return text(dataset, keyword)


def numbers(dataset: Dataset, keyword: str) -> tuple[float, ...]:
    """Return the values of a decimal or integer string (VR DS, IS); empty where there are none.

    Raises
    ------
    RejectedInput
        UNREADABLE_OBJECT where a value is not a number.
    """
    found = _decimals(text(dataset, keyword))
    values = tuple(value for value in found if value is not None)
    if len(values) < len(found):
        raise _unreadable(dataset, keyword, "numbers")
    return values


def number(dataset: Dataset, keyword: str) -> float | None:
    """Return the single value of a decimal or integer string, or None where it is absent or empty.

    Raises
    ------
    RejectedInput
        UNREADABLE_OBJECT where it is not a single number.
    """
    values = numbers(dataset, keyword)
    if len(values) > 1:
        raise _unreadable(dataset, keyword, "one number")
    return values[0] if values else None


def optional_number(dataset: Dataset, keyword: str) -> float | None:
    """Return the single value of an optional decimal or integer string; None where it is not a number.

    Scanners and archives write texts and decimal commas into such elements (``IM-12``, ``1,5``).
    """
    found = _decimals(text(dataset, keyword))
    return found[0] if len(found) == 1 else None


def optional_integer(dataset: Dataset, keyword: str) -> int | None:
    """Return the single value of an optional integer string; None where it is not an integer."""
    value = optional_number(dataset, keyword)
    return int(value) if value is not None and value.is_integer() else None


def optional_binary_numbers(dataset: Dataset, keyword: str) -> tuple[float, ...]:
    """Return the values of an optional binary number (VR US, UL, FD); empty where they cannot be read."""
    try:
        value = dataset.get(keyword)
        values = value if isinstance(value, Sequence) and not isinstance(value, str | bytes) else [value]
        found = tuple(float(part) for part in values if isinstance(part, int | float))
    except UNREADABLE_BYTES as error:
        if is_out_of_memory(error):
            raise
        return ()
    return found if len(found) == len(values) and all(map(math.isfinite, found)) else ()


def optional_binary_number(dataset: Dataset, keyword: str) -> float | None:
    """Return the single value of an optional binary number; None where there is not exactly one."""
    values = optional_binary_numbers(dataset, keyword)
    return values[0] if len(values) == 1 else None


def items(dataset: Dataset, keyword: str) -> Sequence[Dataset]:
    """Return the items of an optional sequence; empty where they cannot be read."""
    try:
        found: Sequence[Dataset] = dataset.get(keyword) or ()
    except (OSError, *UNREADABLE_BYTES) as error:
        if is_out_of_memory(error) or is_of_the_machine(error):
            raise
        return ()
    return found


def has_items(dataset: Dataset, keyword: str) -> bool:
    """Return whether a sequence holds anything; its items are not decoded."""
    element = _element(dataset, keyword)
    return element is not None and bool(element.value)


def integer(dataset: Dataset, keyword: str) -> int | None:
    """Return the single value of a binary integer (VR US, UL), or None where there is none.

    Raises
    ------
    RejectedInput
        UNREADABLE_OBJECT where it is not a single integer: pydicom returns bytes of an unexpected length unconverted.
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
    raise _unreadable(dataset, keyword, "one integer")


def optional_stored_values(dataset: Dataset, keyword: str) -> tuple[int, ...]:
    """Return pixel values in an optional element of VR US or SS, read as unsigned; empty where they cannot be read.

    Some writers give it another VR: a text (IS, DS), 32 bits (SL, UL) or a floating-point number.
    """
    element = _element(dataset, keyword)
    if isinstance(element, RawDataElement) and element.VR in STORED_VALUE_VRS:
        content = element.value or b""
        order: Literal["little", "big"] = "little" if element.is_little_endian else "big"
        return tuple(int.from_bytes(content[at : at + 2], order) for at in range(0, len(content) - 1, 2))
    return tuple(int(value) for value in optional_binary_numbers(dataset, keyword) if value.is_integer())


@functools.lru_cache(maxsize=8192)
def _decimals(content: str) -> tuple[float | None, ...]:
    """Return the values of a decimal string, None for what is no number. The slices of a series share many texts."""
    return tuple(map(_decimal, content.split("\\"))) if content else ()


def _decimal(content: str) -> float | None:
    value = float(content) if DECIMAL.fullmatch(content) else math.nan
    return value if math.isfinite(value) else None


def _unreadable(dataset: Dataset, keyword: str, expected: str) -> RejectedInput:
    return RejectedInput(
        Reason.UNREADABLE_OBJECT,
        f"{text(dataset, 'SOPInstanceUID')}: expected {expected} in {keyword}, found another value: "
        "send the images as the scanner wrote them",
    )


@functools.cache
def _tag(keyword: str) -> BaseTag:
    return tag_object(Tag(keyword))


def _element(dataset: Dataset, keyword: str) -> DataElement | RawDataElement | None:
    try:
        return dataset.get_item(_tag(keyword))
    except NotImplementedError as error:  # pydicom immediately converts an element without a value, by its VR
        raise RejectedInput(
            Reason.UNREADABLE_OBJECT, f"{keyword} of an object has an unknown value representation"
        ) from error
