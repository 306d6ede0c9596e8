"""UIDs as PS3.5 section 9.1 allows them: checked before one becomes a path."""

import re

UID_PATTERN = re.compile(r"(0|[1-9][0-9]*)(\.(0|[1-9][0-9]*))+")
UID_LENGTH = 64


class InvalidUid(ValueError):
    """A UID is not of the form that PS3.5 section 9.1 gives, and so cannot become a path."""


def checked_uid(uid: object) -> str:
    """Return ``uid`` as text if it has the form of PS3.5 section 9.1.

    Raises
    ------
    InvalidUid
        If it is empty, longer than 64 characters or holds anything but dotted numbers.
    """
    text = str(uid)
    if not is_uid(text):
        # Not what was found: an element that was put in the wrong place may hold anything, a name too.
        raise InvalidUid(f"expected a UID (dotted numbers, at most 64 characters), found {len(text)} characters")
    return text


def is_uid(text: str) -> bool:
    """Tell whether ``text`` has the form of PS3.5 section 9.1."""
    return len(text) <= UID_LENGTH and UID_PATTERN.fullmatch(text) is not None
