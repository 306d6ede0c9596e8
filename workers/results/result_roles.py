"""The result objects of a case by role, and how plain a form of one a target may get."""

from enum import StrEnum


class ResultRole(StrEnum):
    """The objects that a case can bring forth, in the order in which they are sent: what is referred to goes first."""

    SEGMENTATION = "segmentation"
    KEY_IMAGE = "key_image"
    FEATURE_REPORT = "feature_report"
    SUMMARY_REPORT = "summary_report"


class Fallback(StrEnum):
    """The plainest form in which a target may get a result that it does not take as it was made."""

    DOCUMENT = "document"
    """A plainer SR; else Encapsulated PDF or Secondary Capture, for people only."""
    REPORT = "report"
    """A plainer SR that says the same."""
    NONE = "none"
    """As it was made, or not at all."""
