"""The first elements of a data set whose head is plain, a hundred times faster than by pydicom: for every object.

Plain is little endian, every length defined, and nothing that begins past the end of the head.
"""

import struct
from collections.abc import Collection

from listener.dicom.structure_check import LONG_VRS, UNDEFINED_LENGTH

_EXPLICIT, _IMPLICIT, _LONG = struct.Struct("<HH2sH"), struct.Struct("<HHL"), struct.Struct("<L")
_FIRST_VR, _LAST_VR = b"AA", b"ZZ"
_DELIMITERS = 0xFFFE0000


class NotPlain(Exception):
    """Another reader has to take it, one that knows all of PS3.5."""


def plain_values(
    head: bytes | bytearray, *, is_implicit: bool, wanted: Collection[int], last: int
) -> dict[int, bytes | bytearray]:
    """Return the values of top-level elements by tag, as they are; ``last`` is the highest tag that is of interest.

    Raises
    ------
    NotPlain
        If the head is not plain, or ends before an element behind ``last``.
    """
    found: dict[int, bytes | bytearray] = {}
    unpack_from = (_IMPLICIT if is_implicit else _EXPLICIT).unpack_from
    position, end = 0, len(head) - 12
    while position <= end:  # one loop without calls of our own: it is gone through for every object that is received
        group, element, *vr, length = unpack_from(head, position)
        start = position + 8
        if vr:
            if not _FIRST_VR <= vr[0] <= _LAST_VR:
                raise NotPlain
            if vr[0] in LONG_VRS:
                length = _LONG.unpack_from(head, start)[0]
                start += 4
        tag = group << 16 | element
        if tag >= _DELIMITERS:
            raise NotPlain
        if tag > last:
            return found
        position = start + length
        if length == UNDEFINED_LENGTH or position > len(head):
            raise NotPlain
        if tag in wanted:
            found[tag] = head[start:position]
    raise NotPlain
