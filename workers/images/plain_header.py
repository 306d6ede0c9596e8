"""Headers of files in Explicit VR Little Endian, checked and read in one pass over their bytes.

Nearly every image is such a file, and pydicom's reader and the check of its structure take 1.8 ms for each. The pass is
compiled (``source/``). It gives up wherever a file is not plainly what the Standard says (PS3.5 section 7.1, PS3.10
section 7.1): the full check and pydicom then decide what it is. The result is theirs in every case.
"""

import functools
import io
import mmap
from dataclasses import dataclass
from typing import BinaryIO, cast

from pydicom import DataElement, Dataset
from pydicom.charset import convert_encodings, default_encoding
from pydicom.dataelem import RawDataElement
from pydicom.filereader import read_sequence
from pydicom.tag import BaseTag
from pydicom.uid import UID, AllTransferSyntaxes, DeflatedExplicitVRLittleEndian
from pydicom.values import convert_string

from listener.dicom.data_set import UNREADABLE_FILE
from listener.dicom.structure_limits import StructureLimits

try:
    from workers.images import _plain_header
except ImportError as error:
    raise ImportError("the reader of headers is not compiled for this Python: run make install") from error

Extent = tuple[int, int]
"""Where the items of a sequence begin, and where they end."""
KnownElements = dict[BaseTag, RawDataElement]
Elements = dict[BaseTag, RawDataElement | DataElement | Extent]
tag_object = _plain_header.tag
"""Returns the object of a tag that the elements of headers are kept by: looking one up then compares no numbers."""
SOURCES_DIGEST = _plain_header.SOURCES
"""SHA-256 of the sources that the loaded module was compiled from."""
_SYNTAXES = {
    uid.encode() + b"\0" * (len(uid) % 2): UID(uid)
    for uid in AllTransferSyntaxes
    if not uid.is_implicit_VR and uid.is_little_endian and uid != DeflatedExplicitVRLittleEndian
}
_CHARACTER_SET = BaseTag(0x00080005)
_UNDEFINED = 0xFFFFFFFF


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


def plain_header(
    content: bytes | mmap.mmap, limits: StructureLimits, known: KnownElements | None = None
) -> PlainHeader | None:
    """Return the header of a file, or None where the full check and pydicom have to read it.

    ``content`` is the file, or its first bytes: what they hold completely is read. ``known`` are the last elements of
    headers that were read before, by tag, and those of this one are added. An element that is equal to the one there,
    and lies at the same place of its file, is that object: most elements of a series are.
    """
    try:
        found = _plain_header.read(
            content, known, limits.max_sequence_depth, limits.max_sequence_items, limits.max_header_bytes
        )
        if found is None:
            return None
        elements, syntax, header_bytes, pixels_at, pixels_length, open_sequences = found
        encodings = _encodings_of(elements.get(_CHARACTER_SET))
        if open_sequences and not _read_open_sequences(content, elements, encodings):
            return None
        dataset = Dataset(cast(dict[BaseTag, RawDataElement | DataElement], elements))
        dataset.set_original_encoding(False, True, encodings)
        return PlainHeader(dataset, _SYNTAXES[syntax], header_bytes, pixels_at, pixels_length)
    except UNREADABLE_FILE:
        return None


def _encodings_of(character_set: RawDataElement | DataElement | Extent | None) -> str | list[str]:
    if not isinstance(character_set, RawDataElement):
        return default_encoding
    return list(_encodings(character_set.value or b""))


def _read_open_sequences(content: bytes | mmap.mmap, elements: Elements, encodings: str | list[str]) -> bool:
    """Read the sequences of undefined length, which pydicom reads at once; False where it ends elsewhere."""
    file = content if isinstance(content, mmap.mmap) else io.BytesIO(content)
    for tag, extent in elements.items():
        if isinstance(extent, RawDataElement | DataElement):
            continue
        start, end = extent
        file.seek(start)
        encoding = encodings if tag > _CHARACTER_SET else default_encoding
        items = read_sequence(cast(BinaryIO, file), False, True, _UNDEFINED, encoding)
        if file.tell() != end:
            return False
        elements[tag] = DataElement(tag, "SQ", items, start, is_undefined_length=True)
    return True


@functools.lru_cache(maxsize=64)
def _encodings(value: bytes) -> tuple[str, ...]:
    return tuple(convert_encodings(convert_string(value, True)))
