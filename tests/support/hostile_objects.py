"""Malicious data sets: each small on the wire, and large, deep or wrong when it is read."""

import struct
import zlib
from collections.abc import Iterable

from pydicom.uid import DeflatedExplicitVRLittleEndian, SegmentationStorage

from support.dicom_objects import FRAME_OF_REFERENCE, IMAGES, OUTLINES, STUDY, outline_uid

SEQUENCE_END = struct.pack("<HHL", 0xFFFE, 0xE0DD, 0)
ITEM_END = struct.pack("<HHL", 0xFFFE, 0xE00D, 0)
UNDEFINED = 0xFFFFFFFF


def element(tag: int, vr: bytes, value: bytes) -> bytes:
    """Return an element in Explicit VR Little Endian."""
    value += (b"\0" if vr in (b"UI", b"OB", b"UN") else b" ") * (len(value) % 2)
    head = struct.pack("<HH", tag >> 16, tag & 0xFFFF) + vr
    if vr in (b"OB", b"OW", b"SQ", b"UN", b"UT"):
        return head + struct.pack("<xxL", len(value)) + value
    return head + struct.pack("<H", len(value)) + value


def identity(sop_class: str, instance: str, series: str) -> tuple[bytes, bytes]:
    """Return what stands before and after other elements: class and instance; study, series, frame of reference."""
    return (
        element(0x00080016, b"UI", sop_class.encode()) + element(0x00080018, b"UI", instance.encode()),
        element(0x0020000D, b"UI", STUDY.encode())
        + element(0x0020000E, b"UI", series.encode())
        + element(0x00200052, b"UI", FRAME_OF_REFERENCE.encode()),
    )


def nested(depth: int, tag: int = 0x00081140, lengths: bool = False) -> bytes:
    """Return sequences in sequences, ``depth`` of them, with delimiters or with lengths."""
    content = b""
    if not lengths:
        start = struct.pack("<HH2sxxL", tag >> 16, tag & 0xFFFF, b"SQ", UNDEFINED)
        item = struct.pack("<HHL", 0xFFFE, 0xE000, UNDEFINED)
        return (start + item) * depth + (ITEM_END + SEQUENCE_END) * depth
    for _ in range(depth):
        content = element(tag, b"SQ", struct.pack("<HHL", 0xFFFE, 0xE000, len(content)) + content)
    return content


def many_items(number: int, tag: int = 0x52009230) -> bytes:
    """Return a sequence (by default the per-frame functional groups) of so many empty items."""
    return element(tag, b"SQ", struct.pack("<HHL", 0xFFFE, 0xE000, 0) * number)


def segmentation(*others: bytes, after: Iterable[bytes] = (), number: int = 1) -> bytes:
    """Return the data set of a segmentation: ``others`` before the UIDs of study and series, ``after`` behind them."""
    head, tail = identity(str(SegmentationStorage), outline_uid(number), OUTLINES)
    return head + b"".join(others) + tail + b"".join(after)


def deflated(content: bytes) -> bytes:
    """Return a data set deflated (PS3.5 section A.5)."""
    deflater = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return deflater.compress(content) + deflater.flush()


def deflate_bomb(megabytes: int, sop_class: str, instance: str, series: str = IMAGES) -> bytes:
    """Return a deflated data set of a few kilobytes whose pixels inflate to so many megabytes."""
    deflater = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    head, tail = identity(sop_class, instance, series)
    pixels = struct.pack("<HH2sxxL", 0x7FE0, 0x0010, b"OW", megabytes << 20)
    parts = [deflater.compress(head + tail + pixels)]
    parts += [deflater.compress(bytes(1 << 20)) for _ in range(megabytes)]
    return b"".join(parts) + deflater.flush()


DEFLATED = DeflatedExplicitVRLittleEndian
