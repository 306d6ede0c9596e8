"""A look at a stored object before anyone reads it: it has to be as small, flat and narrow as objects are."""

import mmap
import struct
import zlib
from pathlib import Path

from pydicom.uid import UID, DeflatedExplicitVRLittleEndian

from listener.data_set import UnreadableDataSet, inflates_within
from listener.structure import StructureLimits, TooComplex, check_structure

PREAMBLE_BYTES = 128
_SHORT, _LONG = struct.Struct("<HH2sH"), struct.Struct("<L")
_TRANSFER_SYNTAX = 0x0010


def check_stored(path: Path, limits: StructureLimits, max_inflated_bytes: int) -> int:
    """Check a DICOM file; return how many bytes come before its pixels. What is no DICOM file has none.

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
            start, syntax = _data_set(content)
            if syntax != DeflatedExplicitVRLittleEndian:
                return check_structure(content, start, syntax, limits)
            if not inflates_within(path, start, syntax, max_inflated_bytes):
                raise TooComplex(f"it inflates to more than {max_inflated_bytes} bytes")
            return check_structure(_inflated(content, start, limits.max_header_bytes), 0, syntax, limits)


def _data_set(content: mmap.mmap) -> tuple[int, UID]:
    """Return where the data set begins, and its transfer syntax (PS3.10 section 7.1)."""
    at, syntax = PREAMBLE_BYTES + 4, ""
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
