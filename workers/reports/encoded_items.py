"""Measurements of structured reports, directly in their encoded form.

A feature report holds a thousand numbers of the same form. As pydicom data sets they take 0.2 s to build and 0.55 s to
write; encoding them directly in Explicit VR Little Endian (PS3.5 section 7.1.2) takes a fiftieth of that. The result is
equal to `content_items.number`, which is equal to highdicom's.
"""

import functools
import struct
from collections.abc import Iterable
from io import BytesIO
from typing import cast

from pydicom import Dataset
from pydicom.charset import convert_encodings, default_encoding
from pydicom.dataelem import RawDataElement
from pydicom.filebase import DicomFileLike
from pydicom.filewriter import write_dataset
from pydicom.sr.coding import Code
from pydicom.tag import Tag
from pydicom.valuerep import format_number_as_ds

from workers.reports.content_items import CONTAINS, HAS_CONCEPT_MOD
from workers.results import codes

UTF_8 = convert_encodings("ISO_IR 192")
CONTENT_SEQUENCE = Tag("ContentSequence")


def encoded(dataset: Dataset) -> bytes:
    """Return a data set in Explicit VR Little Endian, texts in UTF-8."""
    content = BytesIO()
    file = DicomFileLike(content)
    file.is_implicit_VR, file.is_little_endian = False, True
    write_dataset(file, dataset, UTF_8)
    return content.getvalue()


def encoded_item(content: bytes) -> bytes:
    """Return an item of a sequence, with its length."""
    return struct.pack("<HHI", 0xFFFE, 0xE000, len(content)) + content


def encoded_content(item: Dataset) -> bytes:
    """Return any content item as an encoded item."""
    return encoded_item(encoded(item))


def encoded_number(
    name: Code, value: float, unit: Code, method: Code | None = None, derivation: Code | None = None
) -> bytes:
    """Return `content_items.number` as an encoded item."""
    decimal = format_number_as_ds(value).encode("ascii")
    measured = (
        _code_sequence(0x0040, 0x08EA, unit)
        + _short_element(0x0040, 0xA161, b"FD", struct.pack("<d", value))
        + _short_element(0x0040, 0xA30A, b"DS", decimal)
    )
    return encoded_item(
        _head(CONTAINS, b"NUM", name) + _sequence(0x0040, 0xA300, measured) + _modifiers(method, derivation)
    )


def with_encoded_content(container: Dataset, items: Iterable[bytes]) -> Dataset:
    """Return ``container`` with these encoded items as its content.

    Writing copies their bytes; pydicom decodes them when the content is accessed.
    """
    content = b"".join(items)
    # pydicom copies encoded elements only where source and destination have the same encoding
    copied = Dataset(parent_encoding=UTF_8)
    copied.update(container)
    copied.set_original_encoding(is_implicit_vr=False, is_little_endian=True, character_encoding=UTF_8)
    copied[CONTENT_SEQUENCE] = RawDataElement(CONTENT_SEQUENCE, "SQ", len(content), content, 0, False, True)
    return copied


def prepare_for_writing(dataset: Dataset) -> None:
    """Mark ``dataset`` for pydicom as not needing conversion to Explicit VR Little Endian.

    Otherwise pydicom searches all descendants of each item, at each level, for ambiguous VRs; a report has none, and
    encoded elements would be decoded for the search.
    """
    if dataset.original_encoding == (None, None):  # created here: nothing in it is encoded yet
        encoding = UTF_8 if "SpecificCharacterSet" in dataset else default_encoding
        dataset.set_original_encoding(is_implicit_vr=False, is_little_endian=True, character_encoding=encoding)
    for element in dataset.elements():
        if element.VR == "SQ" and not element.is_raw:
            for item in cast(Iterable[Dataset], element.value):
                prepare_for_writing(item)


def _short_element(group: int, element: int, vr: bytes, value: bytes) -> bytes:
    value += b" " * (len(value) % 2)
    return struct.pack("<HH2sH", group, element, vr, len(value)) + value


def _sequence(group: int, element: int, content: bytes) -> bytes:
    """Return a sequence of one item."""
    item = encoded_item(content)
    return struct.pack("<HH2sHI", group, element, b"SQ", 0, len(item)) + item


@functools.lru_cache(maxsize=1024)
def _code_sequence(group: int, element: int, code: Code) -> bytes:
    return _sequence(group, element, encoded(codes.code_item(code)))


@functools.lru_cache(maxsize=1024)
def _head(relationship: str, value_type: bytes, name: Code) -> bytes:
    return (
        _short_element(0x0040, 0xA010, b"CS", relationship.encode("ascii"))
        + _short_element(0x0040, 0xA040, b"CS", value_type)
        + _code_sequence(0x0040, 0xA043, name)
    )


@functools.lru_cache(maxsize=64)
def _modifiers(method: Code | None, derivation: Code | None) -> bytes:
    """Return the content of a number: its method and its derivation."""
    content = b"".join(
        encoded_item(_head(HAS_CONCEPT_MOD, b"CODE", name) + _code_sequence(0x0040, 0xA168, code))
        for name, code in ((codes.MEASUREMENT_METHOD, method), (codes.DERIVATION, derivation))
        if code is not None
    )
    return struct.pack("<HH2sHI", 0x0040, 0xA730, b"SQ", 0, len(content)) + content if content else b""
