"""Texts of a source, decoded by its own character set or by that of its sender, and omitted where that fails.

A sender that declares no Specific Character Set (PS3.3 section C.12.1.1.2) may write ASCII only. Many nevertheless
write the character set of their country. The bytes do not tell which one, and a guess would put a wrong name into a
result. Such a text is omitted, unless the site configures the sender's character set.
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
"""Control characters that are not allowed in texts (PS3.5 section 6.1.3)."""
LATIN = frozenset(f"ISO_IR {number}" for number in (100, 101, 109, 110, 148, 203))
"""Character sets of the Latin alphabet with one byte a letter."""
PAIRS = re.compile(rb"[^A-Za-z\x80-\xff]*(?:(?:[\x80-\xff]{2})+[^A-Za-z\x80-\xff]*)+")
"""A text without an ASCII letter whose other bytes come in pairs: Chinese or Korean, with two bytes a letter."""
TEXT_VRS = frozenset({"LO", "LT", "PN", "SH", "ST", "UC", "UT"})
"""Value representations that Specific Character Set applies to (PS3.5 section 6.1.2.3)."""


def readable(header: Dataset, character_set: str = "", *, is_item: bool = False) -> tuple[Dataset, tuple[str, ...]]:
    """Return a copy of a header without undecodable texts, and the keywords of those texts.

    ``character_set`` is that of the sender, for a header that declares none. ``is_item``: the data set is an item whose
    parent declares a character set.
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
    """Return the original bytes of an element; empty where they are no longer available."""
    value = getattr(element, "value", b"")
    value = getattr(value, "original_string", value)  # of a person name that was accessed before
    return value if isinstance(value, bytes) else b""


def _contradicts(header: Dataset, raw: bytes) -> bool:
    """Return whether non-ASCII bytes contradict the declared character set (PS3.3 C.12.1.1.2), although they decode.

    pydicom decodes as Latin-1 where the first term is the default repertoire or unknown. UTF-8 decodes in any
    single-byte character set, to two or three characters for each one; GBK and EUC-KR to two, and a text in the Latin
    alphabet without a single ASCII letter does not occur.
    """
    terms = header.get("SpecificCharacterSet") or ""
    first = str(terms if isinstance(terms, str) else terms[0])
    encoding = python_encoding.get(first)
    if first in DEFAULT_REPERTOIRE or encoding is None:
        return not raw.split(b"\x1b")[0].isascii()
    if first in LATIN and PAIRS.fullmatch(raw):
        return True
    try:
        return encoding.startswith(("iso8859", "latin")) and not raw.isascii() and bool(raw.decode("utf-8"))
    except UnicodeDecodeError:
        return False
