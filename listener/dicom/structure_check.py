"""Checks how deep and how wide a data set is, before anything is built from it.

pydicom makes a Python object of each item and goes down one level of calls per nested sequence: a few megabytes of
empty items become gigabytes, and 10,000 nested sequences end the recursion. Here the same bytes are walked with a loop
and counted; nothing is kept.
"""

import mmap
import struct
from dataclasses import dataclass
from pathlib import Path

from pydicom.datadict import dictionary_VR
from pydicom.uid import UID

from listener.dicom.structure_limits import StructureLimits

PIXEL_DATA = 0x7FE00010
UNDEFINED_LENGTH = 0xFFFFFFFF
_ITEM_END, _SEQUENCE_END = 0xFFFEE00D, 0xFFFEE0DD
LONG_VRS = frozenset((b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"))
_UNKNOWN, _SEQUENCE = b"UN", b"SQ"


class TooComplex(ValueError):
    """A data set exceeds a limit of depth, items or length; the message names it."""


def check_file(path: Path, data_set_offset: int, transfer_syntax: UID, limits: StructureLimits) -> int:
    """Check a file whose data set begins at ``data_set_offset`` and is not deflated; return as `check_structure`.

    Raises
    ------
    TooComplex
        If it exceeds a limit.
    """
    with open(path, "rb") as file:
        if file.seek(0, 2) <= data_set_offset:
            return 0
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            return check_structure(content, data_set_offset, transfer_syntax, limits)


def check_structure(content: bytes | mmap.mmap, start: int, transfer_syntax: UID, limits: StructureLimits) -> int:
    """Walk a data set up to its Pixel Data; return how many bytes come before it.

    Raises
    ------
    TooComplex
        If it exceeds a limit. What is cut short or makes no sense is left to the reader to refuse.
    """
    with memoryview(content) as view:
        return _StructureParser(view, start, transfer_syntax, limits).run()


@dataclass(frozen=True)
class _Level:
    """A sequence, or a data set: the whole one or that of an item."""

    is_sequence: bool
    is_implicit: bool
    end: int | None
    """Where it ends; None where a delimiter marks the end."""


class _StructureParser:
    def __init__(self, content: memoryview, start: int, transfer_syntax: UID, limits: StructureLimits) -> None:
        self._content = content
        self._start = start
        self._position = start
        self._limits = limits
        order = "<" if transfer_syntax.is_little_endian else ">"
        self._tag_and_length = struct.Struct(order + "HHL")
        self._short_length = struct.Struct(order + "H")
        self._long_length = struct.Struct(order + "L")
        delimiter = self._tag_and_length.pack(_SEQUENCE_END >> 16, _SEQUENCE_END & 0xFFFF, 0)
        self._delimiter = delimiter
        self._levels = [_Level(False, bool(transfer_syntax.is_implicit_VR), len(content))]
        self._depth = 0
        self._items = 0

    def run(self) -> int:
        while self._levels and self._position + 8 <= len(self._content):
            level = self._levels[-1]
            if level.end is not None and self._position >= level.end:
                self._leave()
            elif level.is_sequence:
                self._item(level)
            elif not self._element(level):
                break
        self._check_length()
        return self._position - self._start

    def _check_length(self) -> None:
        if self._position - self._start > self._limits.max_header_bytes:
            raise TooComplex(f"more than {self._limits.max_header_bytes} bytes come before its pixels")

    def _leave(self) -> None:
        self._depth -= self._levels.pop().is_sequence

    def _item(self, level: _Level) -> None:
        group, element, length = self._tag_and_length.unpack_from(self._content, self._position)
        self._position += 8
        if group << 16 | element == _SEQUENCE_END:
            self._leave()
            return
        self._items += 1
        if self._items > self._limits.max_sequence_items:
            raise TooComplex(f"its sequences hold more than {self._limits.max_sequence_items} items")
        self._levels.append(_Level(False, level.is_implicit, self._end(length)))

    def _element(self, level: _Level) -> bool:
        """Pass over one element, or into it; False where the pixels begin."""
        group, element, length = self._tag_and_length.unpack_from(self._content, self._position)
        tag = group << 16 | element
        if tag == _ITEM_END:
            self._position += 8
            self._leave()
            return True
        if len(self._levels) == 1 and tag >= PIXEL_DATA:
            return False
        vr, length = self._vr_and_length(level, length)
        if _is_sequence(tag, vr, length):
            self._enter(_Level(True, level.is_implicit or vr == _UNKNOWN, self._end(length)))
        elif length == UNDEFINED_LENGTH:
            self._position = self._after_delimiter()
        else:
            self._position += length
            self._check_length()
        return True

    def _vr_and_length(self, level: _Level, length: int) -> tuple[bytes | None, int]:
        """Take the head of an element, of which ``length`` holds where its VR is implicit."""
        at = self._position
        vr = None if level.is_implicit else bytes(self._content[at + 4 : at + 6])
        self._position += 8
        if vr is None or not b"AA" <= vr <= b"ZZ":  # pydicom takes the second for an implicit element, so it is one
            return None, length
        if vr not in LONG_VRS:
            return vr, self._short_length.unpack_from(self._content, at + 6)[0]
        self._position += 4
        if self._position > len(self._content):
            return vr, 0
        return vr, self._long_length.unpack_from(self._content, at + 8)[0]

    def _enter(self, sequence: _Level) -> None:
        self._depth += 1
        if self._depth > self._limits.max_sequence_depth:
            raise TooComplex(f"its sequences are nested deeper than {self._limits.max_sequence_depth} levels")
        self._levels.append(sequence)

    def _end(self, length: int) -> int | None:
        return None if length == UNDEFINED_LENGTH else self._position + length

    def _after_delimiter(self) -> int:
        step = 1 << 20
        at = self._position
        while at < len(self._content):
            found = bytes(self._content[at : at + step + 8]).find(self._delimiter)
            if found >= 0:
                return at + found + 8
            at += step
        return len(self._content)


def _is_sequence(tag: int, vr: bytes | None, length: int) -> bool:
    if vr == _SEQUENCE:
        return True
    if vr not in (None, _UNKNOWN):
        return False
    try:
        return dictionary_VR(tag) == "SQ"
    except KeyError:
        return length == UNDEFINED_LENGTH  # nothing else of an unknown kind may have it (PS3.5 section 6.2.2)
