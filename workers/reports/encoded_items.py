"""Measurements of structured reports, directly in their encoded form.

A feature report holds a thousand numbers of the same form. As pydicom data sets they take 0.2 s to build and 0.55 s to
write; encoding them directly in Explicit VR Little Endian (PS3.5 section 7.1.2) takes a fiftieth of that. The result is
equal to `content_items.number`, which is equal to highdicom's.
"""

import functools
import struct
from collections.abc import Iterable
from dataclasses import dataclass

from pydicom import Dataset
from pydicom.sr.coding import Code
from pydicom.valuerep import format_number_as_ds

from workers.reports.content_items import CONTAINS, HAS_CONCEPT_MOD
from workers.results import codes
from workers.results.encoded_elements import code_sequence, sequence, short_element, with_encoded
from workers.results.encoding import encoded, encoded_item

FLOATING_POINT_VALUE = struct.pack("<HH2sH", 0x0040, 0xA161, b"FD", 8)
"""What comes before the value of an element that holds one double."""


def encoded_content(item: Dataset) -> bytes:
    """Return any content item as an encoded item."""
    return encoded_item(encoded(item))


@dataclass(frozen=True)
class EncodedNumber:
    """`content_items.number` of one name, unit, method and derivation, as encoded items: only the value differs."""

    before: bytes
    """What comes before the measured value."""
    unit: bytes
    """What comes before the number, in the item of the measured value."""
    after: bytes

    @classmethod
    def of(cls, name: Code, unit: Code, method: Code | None = None, derivation: Code | None = None) -> "EncodedNumber":
        """Encode what all values have in common."""
        before_number = code_sequence(0x0040, 0x08EA, unit) + FLOATING_POINT_VALUE
        return cls(_head(CONTAINS, b"NUM", name), before_number, _modifiers(method, derivation))

    def item(self, value: float) -> bytes:
        """Return the item with this value."""
        decimal = format_number_as_ds(value)
        numeric_value = short_element(0x0040, 0xA30A, b"DS", decimal.encode("ascii"))
        measured = sequence(0x0040, 0xA300, self.unit + struct.pack("<d", value) + numeric_value)
        return encoded_item(self.before + measured + self.after)


def with_encoded_content(container: Dataset, items: Iterable[bytes]) -> Dataset:
    """Return ``container`` with these encoded items as its content."""
    return with_encoded(container, {"ContentSequence": items})


@functools.lru_cache(maxsize=1024)
def _head(relationship: str, value_type: bytes, name: Code) -> bytes:
    return (
        short_element(0x0040, 0xA010, b"CS", relationship.encode("ascii"))
        + short_element(0x0040, 0xA040, b"CS", value_type)
        + code_sequence(0x0040, 0xA043, name)
    )


@functools.lru_cache(maxsize=64)
def _modifiers(method: Code | None, derivation: Code | None) -> bytes:
    """Return the content of a number: its method and its derivation."""
    items = [
        _head(HAS_CONCEPT_MOD, b"CODE", name) + code_sequence(0x0040, 0xA168, code)
        for name, code in ((codes.MEASUREMENT_METHOD, method), (codes.DERIVATION, derivation))
        if code is not None
    ]
    return sequence(0x0040, 0xA730, *items) if items else b""
