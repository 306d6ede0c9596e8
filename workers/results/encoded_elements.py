"""Data Elements in their encoded form, in Explicit VR Little Endian (PS3.5 section 7.1.2) and UTF-8.

A result has hundreds of references, frames and numbers of the same form. As pydicom data sets they take most of the
time of a result, to build and to write; their bytes take a fiftieth of that. pydicom decodes them where they are
accessed.
"""

import functools
import struct
from collections.abc import Iterable, Mapping, Sequence

from pydicom import Dataset
from pydicom.dataelem import RawDataElement
from pydicom.sr.coding import Code
from pydicom.tag import Tag

from workers.results import codes
from workers.results.encoding import UTF_8, encoded, encoded_item
from workers.results.instance_reference import InstanceReference


def short_element(group: int, element: int, vr: bytes, value: bytes) -> bytes:
    """Return an element of a VR whose length has two bytes, padded to an even length."""
    value += (b"\0" if vr == b"UI" else b" ") * (len(value) % 2)
    return struct.pack("<HH2sH", group, element, vr, len(value)) + value


def sequence(group: int, element: int, *items: bytes) -> bytes:
    """Return a sequence of items, each given by its content."""
    return encoded_sequence(group, element, b"".join([encoded_item(item) for item in items]))


def encoded_sequence(group: int, element: int, items: bytes) -> bytes:
    """Return a sequence of encoded items."""
    return struct.pack("<HH2sHI", group, element, b"SQ", 0, len(items)) + items


@functools.lru_cache(maxsize=1024)
def code_sequence(group: int, element: int, code: Code) -> bytes:
    """Return a sequence of one code."""
    return sequence(group, element, encoded(codes.code_item(code)))


def reference(instance: InstanceReference) -> bytes:
    """Return the content of `InstanceReference.item`."""
    return _sop_class(instance.sop_class_uid) + short_element(
        0x0008, 0x1155, b"UI", instance.sop_instance_uid.encode("ascii")
    )


@functools.lru_cache(maxsize=64)
def _sop_class(uid: str) -> bytes:
    return short_element(0x0008, 0x1150, b"UI", uid.encode("ascii"))


def series_of_references(keyword: str, instances: Sequence[InstanceReference]) -> bytes:
    """Return an item for the series of these instances, which are referenced in its sequence ``keyword``."""
    tag = Tag(keyword)
    references = sequence(tag.group, tag.element, *map(reference, instances))
    return encoded_item(references + short_element(0x0020, 0x000E, b"UI", instances[0].series_uid.encode("ascii")))


def references_by_series(references: Iterable[InstanceReference]) -> list[bytes]:
    """Return the Hierarchical SOP Instance Reference Macro (PS3.3 table C.17-3) of references in their order."""
    studies: dict[str, dict[str, list[InstanceReference]]] = {}
    for one in references:
        studies.setdefault(one.study_uid, {}).setdefault(one.series_uid, []).append(one)
    items = []
    for study_uid, series in studies.items():
        content = b"".join(series_of_references("ReferencedSOPSequence", one) for one in series.values())
        of_study = encoded_sequence(0x0008, 0x1115, content)
        items.append(encoded_item(of_study + short_element(0x0020, 0x000D, b"UI", study_uid.encode("ascii"))))
    return items


def with_encoded(dataset: Dataset, sequences: Mapping[str, Iterable[bytes]]) -> Dataset:
    """Return ``dataset`` with these sequences, by keyword; each item is encoded with its length."""
    # pydicom copies encoded elements only where source and destination have the same encoding
    copied = Dataset(parent_encoding=UTF_8)
    copied.update(dataset)
    if (file_meta := getattr(dataset, "file_meta", None)) is not None:
        copied.file_meta = file_meta
    copied.set_original_encoding(is_implicit_vr=False, is_little_endian=True, character_encoding=UTF_8)
    for keyword, items in sequences.items():
        content, tag = b"".join(items), Tag(keyword)
        copied[tag] = RawDataElement(tag, "SQ", len(content), content, 0, False, True)
    return copied
