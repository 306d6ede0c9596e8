"""Patient's Name and Patient ID for the audit trail and the status page: in the right character set, or not at all.

A header without Specific Character Set (PS3.3 section C.12.1.1.2) may hold ASCII only. Which letters other bytes mean,
only the site knows. Where it does not say, the bytes are shown with their numbers.
"""

from pydicom import Dataset
from pydicom.charset import convert_encodings, decode_bytes
from pydicom.valuerep import PN_DELIMS

from listener.dicom.character_sets import register_character_sets

register_character_sets()

PLAIN = ("", "ISO_IR 6")
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
UNDECLARED = "latin-1"
"""What pydicom takes undeclared bytes for: it maps every byte to a character, and back."""


def declares_character_set(header: Dataset) -> bool:
    """Return whether a header declares a character set."""
    terms = header.get("SpecificCharacterSet") or ()
    return any(str(term) not in PLAIN for term in ([terms] if isinstance(terms, str) else terms))


def shown_text(header: Dataset, keyword: str, character_set: str = "") -> str:
    """Return a text of a header in Unicode; ``character_set`` is its sender's, for a header that declares none.

    Raises
    ------
    ValueError, LookupError
        As pydicom does where the element cannot be read.
    """
    found = str(header.get(keyword) or "")
    if found.isascii() or declares_character_set(header):
        return found
    raw = found.encode(UNDECLARED, "backslashreplace")
    known = decode_bytes(raw, convert_encodings([character_set]), PN_DELIMS) if character_set else REPLACEMENT
    return raw.decode("ascii", "backslashreplace") if REPLACEMENT in known else known
