"""Files that hold a data set without the preamble and File Meta Information of PS3.10: old CDs, raw exports.

They do not state the transfer syntax; the first element shows it, except how pixel data are compressed.
"""

from dataclasses import dataclass
from pathlib import Path

from pydicom.uid import UID, ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pydicom.valuerep import VR

from listener.dicom.data_set import MAX_HEAD_BYTES, Identity, UnreadableDataSet, read_identity
from listener.dicom.part10 import data_set_of

_META_GROUP, _FIRST_GROUP = 0x0002, 0x0008
_VALUE_REPRESENTATIONS = {vr.value.encode() for vr in VR}
_LONGEST_META_BYTES = 64 * 1024
_ENCAPSULATED_PIXELS = b"\xe0\x7f\x10\x00OB\0\0\xff\xff\xff\xff"


@dataclass(frozen=True)
class BareDataSet:
    """A data set that begins somewhere in a file without preamble."""

    identity: Identity
    transfer_syntax: UID
    offset: int
    """Where it begins: behind File Meta Information that lacks its preamble, or at 0."""


def read_bare_data_set(path: Path) -> BareDataSet | None:
    """Return the data set of a file that does not begin as PS3.10 says; None where it is no data set.

    Raises
    ------
    UnreadableDataSet
        If it is a data set without the attributes that are needed to send it.
    """
    with open(path, "rb") as file:
        if _begin(file.read(_LONGEST_META_BYTES))[1] is None:
            return None  # not worth reading whole
    content = path.read_bytes()
    offset, syntax = _begin(content)
    if syntax is None:
        return None
    identity = read_identity(content[offset : offset + MAX_HEAD_BYTES], syntax, whole=True)
    assert identity is not None  # noqa: S101 - `whole` leaves only the identity or an error
    if not offset and _ENCAPSULATED_PIXELS in content:
        raise UnreadableDataSet("its pixels are compressed, and without File Meta Information nothing says how")
    return BareDataSet(identity, syntax, offset)


def _begin(content: bytes) -> tuple[int, UID | None]:
    if len(content) < 8:
        return 0, None
    if int.from_bytes(content[:2], "little") == _META_GROUP:
        offset, syntax = data_set_of(content, 0)
        return offset, syntax if syntax.is_valid and syntax.is_transfer_syntax else None
    is_explicit = content[4:6] in _VALUE_REPRESENTATIONS
    if int.from_bytes(content[:2], "little") == _FIRST_GROUP:
        return 0, ExplicitVRLittleEndian if is_explicit else ImplicitVRLittleEndian
    if int.from_bytes(content[:2], "big") == _FIRST_GROUP and is_explicit:
        return 0, ExplicitVRBigEndian
    return 0, None
