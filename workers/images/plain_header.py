"""Headers of files in Explicit VR Little Endian, checked and read in one pass over their bytes.

Nearly every image is such a file, and pydicom's reader and the check of its structure take 1.8 ms for each. The pass
gives up wherever a file is not plainly what the Standard says (PS3.5 section 7.1, PS3.10 section 7.1): the full check
and pydicom then decide what it is. The result is theirs in every case.
"""

import functools
import io
import mmap
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO, cast

from pydicom import DataElement, Dataset
from pydicom.charset import convert_encodings, default_encoding
from pydicom.dataelem import RawDataElement, empty_value_for_VR
from pydicom.filereader import read_sequence
from pydicom.tag import BaseTag
from pydicom.uid import UID, AllTransferSyntaxes, DeflatedExplicitVRLittleEndian
from pydicom.valuerep import EXPLICIT_VR_LENGTH_16, EXPLICIT_VR_LENGTH_32
from pydicom.values import convert_string

from listener.dicom.data_set import UNREADABLE_FILE
from listener.dicom.structure_limits import StructureLimits

Content = bytes | mmap.mmap
_HEAD, _LONG, _ITEM = struct.Struct("<HH2sH"), struct.Struct("<L"), struct.Struct("<HHL")
_VRS = {
    **{str(vr).encode(): (str(vr), False) for vr in EXPLICIT_VR_LENGTH_16},
    **{str(vr).encode(): (str(vr), True) for vr in EXPLICIT_VR_LENGTH_32},
}
"""By what stands in a file: the VR, and whether its length has four bytes."""
_SYNTAXES = {
    uid.encode() + b"\0" * (len(uid) % 2): UID(uid)
    for uid in AllTransferSyntaxes
    if not uid.is_implicit_VR and uid.is_little_endian and uid != DeflatedExplicitVRLittleEndian
}
_PREAMBLE_BYTES = 128
_META_LENGTH = b"\x02\x00\x00\x00UL\x04\x00"
_TRANSFER_SYNTAX, _CHARACTER_SET, _PIXEL_DATA = 0x00020010, 0x00080005, 0x7FE00010
_START_OF_ITEM, _END_OF_ITEM, _END_OF_SEQUENCE = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_UNDEFINED = 0xFFFFFFFF
_FIRST_OF_PIXELS = 0x7FE00000
_tag = functools.lru_cache(maxsize=4096)(BaseTag)
_raw = cast(Callable[[tuple[object, ...]], RawDataElement], functools.partial(tuple.__new__, RawDataElement))
"""Makes an element from all its fields, without the call of a function in Python."""
_EMPTY = {vr: cast(bytes | None, empty_value_for_VR(vr, raw=True)) for vr, _ in _VRS.values()}


@dataclass(frozen=True, eq=False)
class PlainHeader:
    """A header, and where the pixels begin."""

    dataset: Dataset
    transfer_syntax: UID
    header_bytes: int
    """Between File Meta Information and Pixel Data."""
    pixels_at: int
    """Offset of the value of Pixel Data in the file."""
    pixels_length: int
    """As the element declares it."""


class _NotPlain(Exception):
    """The full check has to look at this file."""


def plain_header(content: Content, limits: StructureLimits) -> PlainHeader | None:
    """Return the header of a file, or None where the full check and pydicom have to read it."""
    try:
        return _Pass(content, limits).run()
    except (_NotPlain, *UNREADABLE_FILE):
        return None


class _Pass:
    def __init__(self, content: Content, limits: StructureLimits) -> None:
        self._content = content
        self._limits = limits
        self._items = 0

    def run(self) -> PlainHeader:
        start, syntax = self._file_meta()
        dataset, at = self._data_set(start)
        _, vr, value, length = self._element(at)
        if vr not in ("OB", "OW") or at - start > self._limits.max_header_bytes:
            raise _NotPlain
        return PlainHeader(dataset, syntax, at - start, value, length)

    def _file_meta(self) -> tuple[int, UID]:
        """Return where the data set begins, and its transfer syntax."""
        content, at = self._content, _PREAMBLE_BYTES + 4
        if content[_PREAMBLE_BYTES : at + 8] != b"DICM" + _META_LENGTH:
            raise _NotPlain
        end = at + 12 + _LONG.unpack_from(content, at + 8)[0]
        at += 12
        syntax, last = None, 0x00020000
        while at < end:
            tag, vr, value, length = self._element(at)
            at = value + length
            if tag <= last or tag >> 16 != 2 or vr == "SQ" or at > end:
                raise _NotPlain
            if tag == _TRANSFER_SYNTAX:
                syntax = _SYNTAXES.get(content[value:at])
            last = tag
        if syntax is None:
            raise _NotPlain
        return end, syntax

    def _data_set(self, at: int) -> tuple[Dataset, int]:
        """Return the data set, and the offset of Pixel Data."""
        content, whole, read_head, vrs = self._content, len(self._content), _HEAD.unpack_from, _VRS
        elements: dict[BaseTag, RawDataElement | DataElement] = {}
        encoding: str | list[str] = default_encoding
        last = 0x0002FFFF
        while True:
            # As `_element` does, without the call: an image has a hundred elements
            group, element, encoded, length = read_head(content, at)
            vr, is_long = vrs[encoded]
            if is_long:
                _, vr, value, length = self._element(at)
            else:
                value = at + 8
            tag = group << 16 | element
            if tag == _PIXEL_DATA:
                break
            if tag <= last or tag >= _FIRST_OF_PIXELS:
                raise _NotPlain
            key, last = _tag(tag), tag
            if length == _UNDEFINED:
                elements[key], at = self._items_of(key, vr, value, encoding)
                continue
            at = value + length
            if at > whole:
                raise _NotPlain
            if vr == "SQ":
                self._pass_over(value, at, 1)
            found = content[value:at] if length else _EMPTY[vr]
            if tag == _CHARACTER_SET:
                encoding = list(_encodings(found or b""))
            elements[key] = _raw((key, vr, length, found, value, False, True, True, False))
        dataset = Dataset(elements)
        dataset.set_original_encoding(False, True, encoding)
        return dataset, at

    def _items_of(self, key: BaseTag, vr: str, value: int, encoding: str | list[str]) -> tuple[DataElement, int]:
        """Return a sequence of undefined length, which pydicom reads at once, and the offset of what follows."""
        if vr != "SQ":
            raise _NotPlain
        end = self._pass_over(value, None, 1)
        file = self._content if isinstance(self._content, mmap.mmap) else io.BytesIO(self._content)
        file.seek(value)
        items = read_sequence(cast(BinaryIO, file), False, True, _UNDEFINED, encoding)
        if file.tell() != end:
            raise _NotPlain
        return DataElement(key, vr, items, value, is_undefined_length=True), end

    def _element(self, at: int) -> tuple[int, str, int, int]:
        """Return tag, VR, offset and length of the value."""
        group, element, encoded, length = _HEAD.unpack_from(self._content, at)
        vr, is_long = _VRS[encoded]
        at += 8
        if is_long:
            length = _LONG.unpack_from(self._content, at)[0]
            at += 4
            if vr == "UN" and not group % 2:
                raise _NotPlain  # its VR is that of the dictionary: perhaps a sequence
        return group << 16 | element, vr, at, length

    def _pass_over(self, at: int, end: int | None, depth: int) -> int:
        """Pass over the items of a sequence; return where it ends. ``end`` is None where a delimiter says so."""
        if depth > self._limits.max_sequence_depth:
            raise _NotPlain
        while at != end:
            group, element, length = _ITEM.unpack_from(self._content, at)
            tag = group << 16 | element
            at += 8
            if tag == _END_OF_SEQUENCE and end is None and not length:
                return at
            self._items += 1
            if tag != _START_OF_ITEM or self._items > self._limits.max_sequence_items:
                raise _NotPlain
            at = self._pass_over_item(at, None if length == _UNDEFINED else at + length, depth)
            if end is not None and at > end:
                raise _NotPlain
        return at

    def _pass_over_item(self, at: int, end: int | None, depth: int) -> int:
        limit = len(self._content) if end is None else end
        while at != end:
            group, element, length = _ITEM.unpack_from(self._content, at)
            if group << 16 | element == _END_OF_ITEM and end is None and not length:
                return at + 8
            tag, vr, value, length = self._element(at)
            if tag >> 16 == _START_OF_ITEM >> 16 or (length == _UNDEFINED and vr != "SQ"):
                raise _NotPlain
            at = value + length
            if vr == "SQ":
                at = self._pass_over(value, None if length == _UNDEFINED else at, depth + 1)
            if at > limit:
                raise _NotPlain
        return at


@functools.lru_cache(maxsize=64)
def _encodings(value: bytes) -> tuple[str, ...]:
    return tuple(convert_encodings(convert_string(value, True)))
