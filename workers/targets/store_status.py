"""Classifies the status of a C-STORE response (PS3.4 table B.2-1, PS3.7 annex C)."""

from enum import StrEnum


class StoreResult(StrEnum):
    """What to do after a C-STORE response."""

    TAKEN = "taken"
    REFUSED = "refused"
    """Sending it again would get the same answer: manual action is needed."""
    TRY_AGAIN = "try_again"


SUCCESS = 0x0000
DUPLICATE_SOP_INSTANCE = 0x0111
WARNINGS = frozenset({0x0001, 0x0107, DUPLICATE_SOP_INSTANCE, 0x0116, 0xB000, 0xB006, 0xB007})
"""The object was stored, with a warning, or had been stored before."""
PERMANENT = frozenset(
    {0x0105, 0x0106, 0x0112, 0x0115, 0x0117, 0x0118, 0x0119, 0x0120, 0x0121, 0x0122, 0x0124, 0x0211, 0x0212}
)


def meaning_of(status: int | None) -> StoreResult:
    """Classify a status; None is an empty response, which does not say what the peer did with the object."""
    if status is None:
        return StoreResult.TRY_AGAIN
    if status == SUCCESS or status in WARNINGS:
        return StoreResult.TAKEN
    if status in PERMANENT or status >> 8 == 0xA9 or status >> 12 == 0xC:
        return StoreResult.REFUSED
    return StoreResult.TRY_AGAIN


def status_words(status: int) -> str:
    """Return the meaning of a status and its code, such as ``refused: out of resources (status 0xA700)``."""
    from pynetdicom.status import GENERAL_STATUS, STORAGE_SERVICE_CLASS_STATUS  # large; settings do without it

    _, meaning = STORAGE_SERVICE_CLASS_STATUS.get(status) or GENERAL_STATUS.get(status) or ("", "")
    words = "duplicate SOP instance" if status == DUPLICATE_SOP_INSTANCE else meaning.lower()
    return f"{words} (status 0x{status:04X})" if words else f"status 0x{status:04X}"
