"""The statuses that a C-STORE, C-ECHO or N-EVENT-REPORT is answered with (PS3.7 Annex C, PS3.4 section B.2.3)."""

from enum import IntEnum


class Status(IntEnum):
    """What a response says. 0xA7xx invites the sender to try again later; 0xA9xx and 0xCxxx tell it not to."""

    SUCCESS = 0x0000
    """The bytes are safe on disk."""
    DUPLICATE_SOP_INSTANCE = 0x0111
    """Other bytes came under a UID that is already kept: the first stay, these lie in quarantine."""
    PROCESSING_FAILURE = 0x0110
    """A storage commitment report could not be written: report again."""
    INVALID_ARGUMENT = 0x0115
    """A storage commitment report that cannot be read."""
    INVALID_SOP_INSTANCE = 0x0117
    """The SOP Instance UID of the command is no UID, so there is no name to keep the object under."""
    SOP_CLASS_NOT_SUPPORTED = 0x0122
    """The command names another SOP class than its presentation context."""
    UNRECOGNIZED_OPERATION = 0x0211
    OUT_OF_RESOURCES = 0xA700
    """The disk is full or cannot be written; nothing was kept."""
    DATA_SET_MISMATCH = 0xA900
    """The data set has other UIDs than the command."""
    CANNOT_UNDERSTAND = 0xC000
    """The head of the data set cannot be read, or a UID in it is missing or no UID."""
    OBJECT_TOO_LARGE = 0xC002
    OUTLINE_UNREADABLE = 0xC003
    """A segmentation whose references cannot be read: it could never be paired."""
    INTERNAL_ERROR = 0xC0FF
    """An error of ours while this one object was handled; the log has it."""
