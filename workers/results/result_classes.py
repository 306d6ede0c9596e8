"""As which SOP classes the results go: the first that a target takes."""

from collections.abc import Mapping, Sequence
from enum import StrEnum

from pydicom.uid import (
    UID,
    Comprehensive3DSRStorage,
    ComprehensiveSRStorage,
    EncapsulatedPDFStorage,
    EnhancedSRStorage,
    SecondaryCaptureImageStorage,
    SegmentationStorage,
)

PLAINER_REPORTS = (ComprehensiveSRStorage, EnhancedSRStorage)
PAGES = (EncapsulatedPDFStorage, SecondaryCaptureImageStorage)
"""The same drawn, for people only."""
REPORT_CLASSES = (Comprehensive3DSRStorage, *PLAINER_REPORTS, *PAGES)


class ResultRole(StrEnum):
    """The objects that a case can bring forth, in the order in which they are sent: what is referred to goes first."""

    SEGMENTATION = "segmentation"
    KEY_IMAGE = "key_image"
    FEATURE_REPORT = "feature_report"
    SUMMARY_REPORT = "summary_report"


RESULT_CLASSES: Mapping[ResultRole, tuple[UID, ...]] = {
    ResultRole.SEGMENTATION: (SegmentationStorage, *PAGES),
    ResultRole.KEY_IMAGE: (SecondaryCaptureImageStorage,),
    ResultRole.FEATURE_REPORT: REPORT_CLASSES,
    ResultRole.SUMMARY_REPORT: REPORT_CLASSES,
}
"""The first is as it is made; the others say the same, for a target that does not take that one."""


class Fallback(StrEnum):
    """The plainest form in which a target may get a result that it does not take as it was made."""

    DOCUMENT = "document"
    """A plainer SR; else Encapsulated PDF or Secondary Capture, for people only."""
    REPORT = "report"
    """A plainer SR that says the same."""
    NONE = "none"
    """As it was made, or not at all."""


def may_go_as(fallback: Fallback, classes: Sequence[str]) -> list[UID]:
    """Return those of a result's SOP classes, best first, in which a target with this setting may get it."""
    best, *plainer = map(UID, classes)
    match fallback:
        case Fallback.DOCUMENT:
            return [best, *plainer]
        case Fallback.REPORT:
            return [best, *(uid for uid in plainer if uid in PLAINER_REPORTS)]
        case Fallback.NONE:
            return [best]
