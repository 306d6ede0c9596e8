"""The head of a DICOM file: preamble and File Meta Information (PS3.10 section 7.1).

It says nothing about who sent the object, so that the same object gives the same bytes whoever brings it.
"""

import struct

IMPLEMENTATION_CLASS_UID = "2.25.11318259122145560120825493639305402851"
"""A UUID-derived UID of this program (PS3.5 section B.2)."""
IMPLEMENTATION_VERSION_NAME = "RADTME_0_1"


def file_head(sop_class_uid: str, sop_instance_uid: str, transfer_syntax_uid: str) -> bytes:
    """Return everything that stands before the data set of a file."""
    elements = b"".join(
        [
            _element(0x0001, b"OB", b"\0\1"),
            _element(0x0002, b"UI", _uid(sop_class_uid)),
            _element(0x0003, b"UI", _uid(sop_instance_uid)),
            _element(0x0010, b"UI", _uid(transfer_syntax_uid)),
            _element(0x0012, b"UI", _uid(IMPLEMENTATION_CLASS_UID)),
            _element(0x0013, b"SH", IMPLEMENTATION_VERSION_NAME.encode()),
        ]
    )
    return bytes(128) + b"DICM" + _element(0x0000, b"UL", struct.pack("<L", len(elements))) + elements


def _element(element: int, vr: bytes, value: bytes) -> bytes:
    length = struct.pack("<xxL" if vr == b"OB" else "<H", len(value))
    return struct.pack("<HH", 0x0002, element) + vr + length + value


def _uid(uid: str) -> bytes:
    value = uid.encode("ascii")
    return value + b"\0" if len(value) % 2 else value
