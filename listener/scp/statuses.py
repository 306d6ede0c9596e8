"""The statuses that a C-STORE, C-ECHO or N-EVENT-REPORT is answered with (PS3.7 Annex C, PS3.4 section B.2.3)."""

from enum import IntEnum

IN_QUARANTINE = "in quarantine: "
"""Begins the error comment of an object that was refused and kept for inspection."""
OTHER_CONTENT = "kept earlier with other content"
"""The error comment of `Status.DUPLICATE_SOP_INSTANCE`."""


class Status(IntEnum):
    """The status of a response. A later retry can succeed after 0xA7xx, but not after 0xA9xx or 0xCxxx."""

    SUCCESS = 0x0000
    """The object is stored safely on disk."""
    DUPLICATE_SOP_INSTANCE = 0x0111
    """An object with this UID but different content is already stored; this one is put into quarantine."""
    PROCESSING_FAILURE = 0x0110
    """The storage commitment report could not be written; send it again."""
    INVALID_ARGUMENT = 0x0115
    """The storage commitment report cannot be read."""
    INVALID_SOP_INSTANCE = 0x0117
    """The SOP Instance UID of the command is not a valid UID."""
    SOP_CLASS_NOT_SUPPORTED = 0x0122
    """The SOP class of the command differs from that of its presentation context."""
    UNRECOGNIZED_OPERATION = 0x0211
    OUT_OF_RESOURCES = 0xA700  # `_out_of_resources` in `c_store.py` maps every OSError to it
    """The disk is full or cannot be written; the object was not stored."""
    DATA_SET_MISMATCH = 0xA900
    """The UIDs of the data set differ from those of the command."""
    CANNOT_UNDERSTAND = 0xC000
    """The beginning of the data set cannot be read, or a UID in it is missing or invalid."""
    OBJECT_TOO_LARGE = 0xC002
    OUTLINE_UNREADABLE = 0xC003
    """The references of the segmentation cannot be read, so that it cannot be paired with images."""
    INTERNAL_ERROR = 0xC0FF
    """An internal error while this object was handled; see the log."""
