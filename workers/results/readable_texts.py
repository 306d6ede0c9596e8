"""Texts of a source in its own character set, in that of its sender where it declares none, or not at all.

A sender that declares no Specific Character Set (PS3.3 section C.12.1.1.2) may write ASCII only. Many write the bytes
of their own country nevertheless. Which letters these are nobody can tell from them: a guess puts a wrong name into a
result. So such a text is left out, unless the site says what its sender means.
"""

import re
from collections.abc import Iterator

from pydicom import Dataset
from pydicom.charset import convert_encodings, python_encoding
from pydicom.datadict import dictionary_has_tag, dictionary_VR, keyword_for_tag
from pydicom.dataelem import RawDataElement
from pydicom.tag import BaseTag

from listener.dicom.data_set import UNREADABLE_BYTES
from listener.dicom.patient_texts import REPLACEMENT, declares_character_set

DEFAULT_REPERTOIRE = ("", "ISO_IR 6", "ISO 2022 IR 6")
C1_CONTROL = re.compile("[\x80-\x9f]")
"""Control characters that no text may hold (PS3.5 section 6.1.3)."""
TEXT_VRS = frozenset({"LO", "LT", "PN", "SH", "ST", "UC", "UT"})
"""Value representations that Specific Character Set speaks of (PS3.5 section 6.1.2.3)."""


def readable(header: Dataset, character_set: str = "", *, is_item: bool = False) -> tuple[Dataset, tuple[str, ...]]:
    """Return a copy of a header without the texts that cannot be read, and their keywords.

    ``character_set`` is that of the sender, for a header that declares none. ``is_item``: the data set is an item whose
    parent declares the character set, or not.
    """
    found: Dataset = header[:]  # a copy shares its elements
    declares = is_item if header.get("SpecificCharacterSet") is None else declares_character_set(header)
    if not declares and character_set:
        found.SpecificCharacterSet = character_set
        found.set_original_encoding(*_encoding(found), convert_encodings([character_set]))
        declares = True
    dropped = [tag for tag in _texts(found) if not _is_readable(found, tag, declares)]
    for tag in dropped:
        del found[tag]
    return found, tuple(keyword_for_tag(tag) or str(tag) for tag in dropped)


def _encoding(header: Dataset) -> tuple[bool, bool]:
    is_implicit, is_little_endian = header.original_encoding
    return bool(is_implicit), is_little_endian is not False


def _texts(header: Dataset) -> Iterator[BaseTag]:
    for tag in list(header.keys()):
        element = header.get_item(tag)
        vr = element.VR if element is not None else None
        if vr is None or (vr == "UN" and isinstance(element, RawDataElement)):
            vr = dictionary_VR(tag) if dictionary_has_tag(tag) else ""
        if vr in TEXT_VRS:
            yield BaseTag(tag)


def _is_readable(header: Dataset, tag: BaseTag, declares: bool) -> bool:
    raw = _raw(header.get_item(tag))
    try:
        text = str(header[tag].value or "")
    except UNREADABLE_BYTES:
        return False
    if REPLACEMENT in text or C1_CONTROL.search(text):
        return False
    return text.isascii() or (declares and not _contradicts(header, raw))


def _raw(element: object) -> bytes:
    """Return the bytes of an element as they came; empty where they are no longer known."""
    value = getattr(element, "value", b"")
    value = getattr(value, "original_string", value)  # of a person name that was read before
    return value if isinstance(value, bytes) else b""


def _contradicts(header: Dataset, raw: bytes) -> bool:
    """Tell whether bytes beyond ASCII cannot be in the declared character set (PS3.3 C.12.1.1.2), though they decode.

    pydicom takes them for Latin-1 where the first term is the default repertoire or none that it knows. UTF-8 decodes
    in any set of single bytes, into two or three letters for one.
    """
    terms = header.get("SpecificCharacterSet") or ""
    first = str(terms if isinstance(terms, str) else terms[0])
    encoding = python_encoding.get(first)
    if first in DEFAULT_REPERTOIRE or encoding is None:
        return not raw.split(b"\x1b")[0].isascii()
    try:
        return encoding.startswith(("iso8859", "latin")) and not raw.isascii() and bool(raw.decode("utf-8"))
    except UnicodeDecodeError:
        return False
