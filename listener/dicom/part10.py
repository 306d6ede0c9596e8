"""The head of a DICOM file: preamble and File Meta Information (PS3.10 section 7.1).

It does not name the sender, so that the same object gives the same bytes whoever sends it.
"""

import mmap
import struct
import zlib
from functools import lru_cache
from pathlib import Path

from pydicom.uid import UID, DeflatedExplicitVRLittleEndian

from listener.dicom.data_set import UnreadableDataSet, inflates_within
from listener.dicom.structure_check import TooComplex, check_structure
from listener.dicom.structure_limits import StructureLimits

IMPLEMENTATION_CLASS_UID = "2.25.11318259122145560120825493639305402851"
"""A UUID-derived UID of this program (PS3.5 section B.2)."""
IMPLEMENTATION_VERSION_NAME = "RADTME_0_1"


def file_head(sop_class_uid: str, sop_instance_uid: str, transfer_syntax_uid: str) -> bytes:
    """Return the bytes that precede the data set of a file."""
    before, behind = _same_for_all_instances(sop_class_uid, transfer_syntax_uid)
    elements = before + _element(0x0003, b"UI", _uid(sop_instance_uid)) + behind
    return bytes(128) + b"DICM" + _element(0x0000, b"UL", struct.pack("<L", len(elements))) + elements


@lru_cache(maxsize=256)
def _same_for_all_instances(sop_class_uid: str, transfer_syntax_uid: str) -> tuple[bytes, bytes]:
    """Return the elements before the SOP Instance UID and behind it."""
    before = [_element(0x0001, b"OB", b"\0\1"), _element(0x0002, b"UI", _uid(sop_class_uid))]
    behind = [
        _element(0x0010, b"UI", _uid(transfer_syntax_uid)),
        _element(0x0012, b"UI", _uid(IMPLEMENTATION_CLASS_UID)),
        _element(0x0013, b"SH", IMPLEMENTATION_VERSION_NAME.encode()),
    ]
    return b"".join(before), b"".join(behind)


def _element(element: int, vr: bytes, value: bytes) -> bytes:
    length = struct.pack("<xxL" if vr == b"OB" else "<H", len(value))
    return struct.pack("<HH", 0x0002, element) + vr + length + value


def _uid(uid: str) -> bytes:
    value = uid.encode("ascii")
    return value + b"\0" if len(value) % 2 else value


PREAMBLE_BYTES = 128
_SHORT, _LONG = struct.Struct("<HH2sH"), struct.Struct("<L")
_TRANSFER_SYNTAX = 0x0010


def check_stored(path: Path, limits: StructureLimits, max_inflated_bytes: int) -> int:
    """Check a DICOM file; return the number of bytes before its pixel data, 0 where it is not a DICOM file.

    Raises
    ------
    TooComplex
        If it exceeds a limit, or inflates to more than ``max_inflated_bytes``.
    OSError
        If it cannot be read.
    UnreadableDataSet
        If it is deflated, and damaged.
    """
    with open(path, "rb") as file:
        if file.seek(0, 2) <= PREAMBLE_BYTES + 4:
            return 0
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            if content[PREAMBLE_BYTES : PREAMBLE_BYTES + 4] != b"DICM":
                return 0
            start, syntax = data_set_of(content, PREAMBLE_BYTES + 4)
            if syntax != DeflatedExplicitVRLittleEndian:
                return check_structure(content, start, syntax, limits)
            if not inflates_within(path, start, syntax, max_inflated_bytes):
                raise TooComplex(f"it inflates to more than {max_inflated_bytes} bytes")
            return check_structure(_inflated(content, start, limits.max_header_bytes), 0, syntax, limits)


def data_set_of(content: mmap.mmap | bytes, at: int) -> tuple[int, UID]:
    """Return where the data set begins behind File Meta Information at ``at``, and its transfer syntax.

    PS3.10 section 7.1. Without one, the transfer syntax is empty.
    """
    syntax = ""
    while at + 12 <= len(content):
        group, element, vr, length = _SHORT.unpack_from(content, at)
        if group != 0x0002:
            break
        at += 8
        if vr in (b"OB", b"OW", b"UN", b"UT", b"SQ"):
            length = _LONG.unpack_from(content, at)[0]
            at += 4
        if element == _TRANSFER_SYNTAX:
            syntax = content[at : at + length].decode("ascii", "replace").strip("\0 ")
        at += length
    return at, UID(syntax)


def _inflated(content: mmap.mmap, start: int, limit: int) -> bytes:
    try:
        return zlib.decompressobj(-zlib.MAX_WBITS).decompress(content[start : start + limit], limit + 1024**2)
    except zlib.error as error:
        raise UnreadableDataSet("the deflated data set is damaged") from error
