"""Why an object lies in quarantine: the JSON file beside it."""

from dataclasses import dataclass

from listener.spool.record_file import UtcTime


@dataclass(frozen=True, kw_only=True)
class QuarantineReason:
    """Why an object was received and cannot be used. UIDs are as the sender gave them, empty where unknown."""

    reason: str
    """Coded: the name of the status that its sender got, in lower case."""
    message: str = ""
    at: UtcTime | None = None
    status: str = ""
    """Of the C-STORE response, such as ``0xA900``."""
    sop_class_uid: str = ""
    sop_instance_uid: str = ""
    transfer_syntax_uid: str = ""
    calling_ae_title: str = ""
    """Whose share of the quarantine it takes."""
