"""SOP classes in which a result may be sent: the first that a target accepts."""

from collections.abc import Mapping, Sequence

from pydicom.uid import (
    UID,
    Comprehensive3DSRStorage,
    ComprehensiveSRStorage,
    EncapsulatedPDFStorage,
    EnhancedSRStorage,
    SecondaryCaptureImageStorage,
    SegmentationStorage,
)

from workers.results.result_roles import Fallback, ResultRole

PLAINER_REPORTS = (ComprehensiveSRStorage, EnhancedSRStorage)
PAGES = (EncapsulatedPDFStorage, SecondaryCaptureImageStorage)
"""The same content as pages for people, not for programs."""
REPORT_CLASSES = (Comprehensive3DSRStorage, *PLAINER_REPORTS, *PAGES)


RESULT_CLASSES: Mapping[ResultRole, tuple[UID, ...]] = {
    ResultRole.SEGMENTATION: (SegmentationStorage, *PAGES),
    ResultRole.KEY_IMAGE: (SecondaryCaptureImageStorage,),
    ResultRole.FEATURE_REPORT: REPORT_CLASSES,
    ResultRole.SUMMARY_REPORT: REPORT_CLASSES,
}
"""The first is the original; the others have the same content, for a target that does not accept the first."""


def may_go_as(fallback: Fallback, classes: Sequence[str]) -> list[UID]:
    """Return the SOP classes, best first, in which a target with this setting may receive a result."""
    best, *plainer = map(UID, classes)
    match fallback:
        case Fallback.DOCUMENT:
            return [best, *plainer]
        case Fallback.REPORT:
            return [best, *(uid for uid in plainer if uid in PLAINER_REPORTS)]
        case Fallback.NONE:
            return [best]
