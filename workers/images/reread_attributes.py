"""Attributes of images that were read otherwise by the versions whose results keep their UIDs.

The results of such images have another content now. Their UIDs are derived from it too, so that an archive does not
take the new object for the old one; all other results keep their UIDs.
"""

from collections.abc import Iterator, Sequence

from pydicom import Dataset
from pydicom.datadict import tag_for_keyword

from workers.images.attributes import STORED_VALUE_VRS, optional_number, optional_stored_values
from workers.images.padding import VALUE
from workers.images.volume import Volume

THICKNESS = "SliceThickness"
SIXTEEN_BITS = (*STORED_VALUE_VRS, "US or SS")
UNSIGNED_IN_32_BITS = ("UL", "SL")


def reread_attributes(volume: Volume) -> tuple[str, ...]:
    """Return their keywords; padding only where pixels have its value."""
    return tuple(dict.fromkeys(_reread(volume.headers, is_padded=volume.padding is not None)))


def _reread(headers: Sequence[Dataset], *, is_padded: bool) -> Iterator[str]:
    for header in headers:
        if is_padded and _was_other_padding(header):
            yield VALUE
        if (optional_number(header, THICKNESS) or 0.0) < 0:
            yield THICKNESS  # it was copied into the segmentation


def _was_other_padding(header: Dataset) -> bool:
    """Return whether the padding value was ignored: one of several, or another one than in 16 bits."""
    values = optional_stored_values(header, VALUE)
    if len(values) != 1:
        return bool(values)
    vr = header.get_item(tag_for_keyword(VALUE) or VALUE).VR
    return vr not in SIXTEEN_BITS and not (vr in UNSIGNED_IN_32_BITS and values[0] >= 0)
