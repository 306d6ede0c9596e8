"""UIDs (PS3.5 section 9.1): checked before one becomes a path.

The Standard forbids leading zeros in a component (``1.2.03``). Real devices write them; the UID identifies its object
nevertheless, and only digits and dots get into a path: they are accepted as received.
"""

import re
from functools import lru_cache

UID_PATTERN = re.compile(r"[0-9]+(\.[0-9]+)+", re.ASCII)
UID_LENGTH = 64


class InvalidUid(ValueError):
    """A UID is not dotted numbers of at most 64 characters, and so cannot become a path."""


def checked_uid(uid: object, attribute: str = "") -> str:
    """Return ``uid`` as text if it is dotted numbers of at most 64 characters.

    ``attribute`` is the keyword of the attribute that holds it, for the message.

    Raises
    ------
    InvalidUid
        If it is not, with what is wrong with it.
    """
    text = str(uid)
    fault = _fault(text)
    if fault:
        # The value is not quoted: a misplaced element may hold anything, such as a name.
        raise InvalidUid(f"{attribute or 'a UID'} {fault}")
    return text


def uid_name(uid: str) -> str:
    """Return the name of a UID in the Standard (PS3.6 annex A); the UID where it has none."""
    from pydicom.uid import UID  # all of pydicom, for those alone who show a name

    return UID(uid).name


def is_uid(text: str) -> bool:
    """Return whether ``text`` is dotted numbers of at most 64 characters."""
    return not _fault(text)


@lru_cache(maxsize=256)  # a study's UIDs come with each of its objects, and are checked again where they become a path
def _fault(text: str) -> str:
    """Return what is wrong with a UID, without quoting it; empty where it is valid."""
    if not text:
        return "is empty"
    if len(text) > UID_LENGTH:
        return f"has {len(text)} characters, {UID_LENGTH} at most"
    if UID_PATTERN.fullmatch(text):
        return ""
    for position, character in enumerate(text, start=1):
        if not (character.isascii() and (character.isdigit() or character == ".")):
            return f"has an invalid character at position {position}"
    return "has an empty component" if "." in text else "is a single number"
