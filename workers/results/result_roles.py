"""Result objects by role, and the fallback forms that a target may receive."""

from enum import StrEnum


class ResultRole(StrEnum):
    """The result objects of a case in the order in which they are sent: referenced objects first."""

    SEGMENTATION = "segmentation"
    KEY_IMAGE = "key_image"
    FEATURE_REPORT = "feature_report"
    SUMMARY_REPORT = "summary_report"


class Fallback(StrEnum):
    """The plainest form of a result that may be sent to a target that does not accept the original."""

    DOCUMENT = "document"
    """A plainer SR; else Encapsulated PDF or Secondary Capture, for people only."""
    REPORT = "report"
    """A plainer SR with the same content."""
    NONE = "none"
    """The original only."""
