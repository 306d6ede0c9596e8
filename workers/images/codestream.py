"""Reads from a compressed frame its size and its end, before a decoder allocates memory for it.

A decoder trusts the stream, not the DICOM header: 200 bytes of JPEG may declare 65,535 x 65,535 pixels.
"""

import re
import struct

_SIZE = struct.Struct(">HH")
_JPEG, _JPEG_2000 = b"\xff\xd8", b"\xff\x4f\xff\x51"
_STARTS_OF_FRAME = frozenset((*range(0xC0, 0xD0), 0xF7)) - {0xC4, 0xC8, 0xCC}
"""SOF0 to SOF15 (ISO 10918-1 table B.1) without DHT, JPG and DAC, which share that range, and SOF55 of JPEG-LS."""
_WITHOUT_LENGTH = frozenset((0x01, *range(0xD0, 0xD9)))
_START_OF_SCAN, _END_OF_IMAGE = 0xDA, 0xD9
_AFTER_SCAN = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
"""The marker that ends entropy-coded data: any but RST0 to RST7 (ISO 10918-1 section B.1.1.5)."""
_AFTER_SCAN_LS = re.compile(rb"\xff[\x80-\xcf\xd8-\xfe]")
"""The marker that ends entropy-coded data of JPEG-LS, which stuffs a bit after 0xFF, not a byte (ISO 14495-1 A.1)."""


def is_whole(stream: bytes) -> bool:
    """Return whether a JPEG-family stream is complete up to its end marker; True for any other stream.

    For JPEG 2000 only the end marker is checked (EOC, ISO 15444-1 section A.4.4): its decoders accept any bytes before
    it.
    """
    if stream.startswith(_JPEG_2000):
        return stream.rstrip(b"\0").endswith(bytes([0xFF, _END_OF_IMAGE]))
    return _is_whole_jpeg(stream) if stream.startswith(_JPEG) else True


def _is_whole_jpeg(stream: bytes) -> bool:
    """Return whether a JPEG or JPEG-LS stream consists of valid segments up to its end, followed by padding only.

    libjpeg only warns about garbage between segments, a premature end, and zeros in place of pixel data, and fills in
    what is missing. gdcm terminates the process on garbage between segments.
    """
    at, after_scan = 2, _AFTER_SCAN
    while at + 2 <= len(stream) and stream[at] == 0xFF:
        marker = stream[at + 1]
        if marker == _END_OF_IMAGE:
            return not stream[at + 2 :].strip(b"\0")
        if marker == 0xFF:  # fill byte
            at += 1
            continue
        if marker in _WITHOUT_LENGTH:
            at += 2
            continue
        at += 2 + max(2, int.from_bytes(stream[at + 2 : at + 4], "big"))
        if marker == 0xF7:
            after_scan = _AFTER_SCAN_LS
        if marker == _START_OF_SCAN:
            end = after_scan.search(stream, at)
            at = end.start() if end else len(stream)
    return False


def declared_size(stream: bytes) -> tuple[int, int] | None:
    """Return the rows and columns that a JPEG, JPEG-LS or JPEG 2000 stream declares; None where it declares none."""
    if stream.startswith(_JPEG_2000):
        return _size_of_jpeg_2000(stream)
    return _size_of_jpeg(stream) if stream.startswith(_JPEG) else None


def _size_of_jpeg_2000(stream: bytes) -> tuple[int, int] | None:
    """Return rows and columns from the SIZ marker (ISO 15444-1 section A.5.1): image extent minus image offset."""
    if len(stream) < 24:
        return None
    columns, rows, left, top = struct.unpack_from(">LLLL", stream, 8)
    return rows - top, columns - left


def _size_of_jpeg(stream: bytes) -> tuple[int, int] | None:
    at = 2
    while at + 9 <= len(stream):
        if stream[at] != 0xFF:
            return None
        marker = stream[at + 1]
        if marker == 0xFF:  # fill byte
            at += 1
        elif marker in _WITHOUT_LENGTH:
            at += 2
        elif marker in _STARTS_OF_FRAME:
            rows, columns = _SIZE.unpack_from(stream, at + 5)
            return rows, columns
        else:
            at += 2 + max(2, int.from_bytes(stream[at + 2 : at + 4], "big"))
    return None
