"""A data set in Implicit VR Little Endian (PS3.5 annex A.1), made from its bytes in Explicit VR.

pydicom decodes each element and encodes it anew, which takes a second of CPU for the report of 958 features. Only the
headers of elements differ: Implicit VR has no VR in them, and a length of four bytes in each (PS3.5 section 7.1.3).
"""

import struct
from copy import deepcopy
from io import BytesIO

from pydicom import Dataset
from pydicom.filereader import read_dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom.dsutils import encode

LONG_VRS = frozenset((b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SV", b"UC", b"UR", b"UT", b"UV"))
"""Two reserved bytes and a length of four bytes follow them, as SQ and UN."""
ITEM = b"\xfe\xff\x00\xe0"
UNDEFINED = 0xFFFFFFFF
_length, _short_length = struct.Struct("<L"), struct.Struct("<H")


class NotConverted(ValueError):
    """The bytes are not plain Explicit VR Little Endian."""


def in_implicit_vr(dataset: Dataset) -> Dataset:
    """Return the same data set in Implicit VR; its elements stay bytes until they are read.

    Raises
    ------
    NotConverted
        It is not in Explicit VR Little Endian, or cannot be converted without knowing its elements.
    """
    if dataset.file_meta.TransferSyntaxUID != ExplicitVRLittleEndian:
        raise NotConverted("it is not in Explicit VR Little Endian")
    explicit = encode(dataset, is_implicit_vr=False, is_little_endian=True)
    if explicit is None:
        raise NotConverted("pydicom cannot encode it")
    content = implicit_vr(explicit)
    converted = read_dataset(BytesIO(content), is_implicit_VR=True, is_little_endian=True, bytelength=len(content))
    converted.file_meta = deepcopy(dataset.file_meta)
    converted.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    return converted


def implicit_vr(content: bytes) -> bytes:
    """Return elements (PS3.5 section 7.1.2) in Implicit VR Little Endian.

    Raises
    ------
    NotConverted
        An element or item is cut short, or its VR or length does not tell where it ends.
    """
    try:
        return _elements(content, {})
    except struct.error as error:
        raise NotConverted("an element is cut short") from error


def _elements(content: bytes, known: dict[bytes, bytes]) -> bytes:
    """``known`` are the sequences met so far: a report repeats the same codes a thousand times."""
    parts: list[bytes] = []
    at, end = 0, len(content)
    while at < end:
        vr = content[at + 4 : at + 6]
        if vr == b"SQ" or vr == b"UN" or vr in LONG_VRS:
            (length,), start = _length.unpack_from(content, at + 8), at + 12
        else:
            (length,), start = _short_length.unpack_from(content, at + 6), at + 8
        stop = start + length
        if length == UNDEFINED or stop > end or not vr.isalpha():
            raise NotConverted(f"an element of VR {vr!r} has no end")
        value = content[start:stop]
        if vr == b"SQ":
            found = known.get(value)
            if found is None:
                found = known[value] = _items(value, known)
            value = found
        parts += (content[at : at + 4], _length.pack(len(value)), value)
        at = stop
    return b"".join(parts)


def _items(content: bytes, known: dict[bytes, bytes]) -> bytes:
    parts: list[bytes] = []
    at, end = 0, len(content)
    while at < end:
        (length,) = _length.unpack_from(content, at + 4)
        stop = at + 8 + length
        if content[at : at + 4] != ITEM or stop > end:
            raise NotConverted("an item has no end")
        value = _elements(content[at + 8 : stop], known)
        parts += (ITEM, _length.pack(len(value)), value)
        at = stop
    return b"".join(parts)
