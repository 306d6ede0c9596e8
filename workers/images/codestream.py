"""What a compressed frame says about its own size and end, before a decoder takes memory for it.

A decoder believes the stream and not the DICOM header: 200 bytes of JPEG may ask for 65,535 x 65,535 pixels.
"""

import re
import struct

_SIZE = struct.Struct(">HH")
_JPEG, _JPEG_2000 = b"\xff\xd8", b"\xff\x4f\xff\x51"
_STARTS_OF_FRAME = frozenset((*range(0xC0, 0xD0), 0xF7)) - {0xC4, 0xC8, 0xCC}
"""SOF0 to SOF15 (ISO 10918-1 table B.1) without DHT, JPG and DAC, which lie among them, and SOF55 of JPEG-LS."""
_WITHOUT_LENGTH = frozenset((0x01, *range(0xD0, 0xD9)))
_START_OF_SCAN, _END_OF_IMAGE = 0xDA, 0xD9
_AFTER_SCAN = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
"""What ends entropy-coded bytes: any marker but RST0 to RST7 (ISO 10918-1 section B.1.1.5)."""
_AFTER_SCAN_LS = re.compile(rb"\xff[\x80-\xcf\xd8-\xfe]")
"""The same in JPEG-LS, which puts a bit behind 0xFF and not a byte (ISO 14495-1 section A.1)."""


def is_whole(stream: bytes) -> bool:
    """Return whether a JPEG-family stream is complete to its end marker; True for any other stream.

    Of JPEG 2000 the end alone is looked at (EOC, ISO 15444-1 section A.4.4): a decoder makes something of any bytes.
    """
    if stream.startswith(_JPEG_2000):
        return stream.rstrip(b"\0").endswith(bytes([0xFF, _END_OF_IMAGE]))
    return _is_whole_jpeg(stream) if stream.startswith(_JPEG) else True


def _is_whole_jpeg(stream: bytes) -> bool:
    """Tell whether a JPEG or JPEG-LS stream is segment after segment up to its end, with nothing but padding behind.

    libjpeg takes garbage between segments, an end that comes too early, and zeros where there should be pixels, for
    reasons to warn: it fills up what is missing. And gdcm ends the process on the first of these.
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
    """Return rows and columns that a JPEG, JPEG-LS or JPEG 2000 stream declares; None where it says nothing."""
    if stream.startswith(_JPEG_2000):
        return _size_of_jpeg_2000(stream)
    return _size_of_jpeg(stream) if stream.startswith(_JPEG) else None


def _size_of_jpeg_2000(stream: bytes) -> tuple[int, int] | None:
    """SIZ (ISO 15444-1 section A.5.1): the image's end minus its offset on the reference grid."""
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
