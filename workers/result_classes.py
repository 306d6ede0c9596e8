"""As which SOP classes the results go: the first that a target takes."""

from collections.abc import Mapping

from pydicom.uid import (
    UID,
    Comprehensive3DSRStorage,
    ComprehensiveSRStorage,
    EncapsulatedPDFStorage,
    EnhancedSRStorage,
    SecondaryCaptureImageStorage,
    SegmentationStorage,
)

from workers.settings import ResultRole

PLAINER_REPORTS = (ComprehensiveSRStorage, EnhancedSRStorage)
PAGES = (EncapsulatedPDFStorage, SecondaryCaptureImageStorage)
"""The same drawn, for people only."""
REPORT_CLASSES = (Comprehensive3DSRStorage, *PLAINER_REPORTS, *PAGES)

RESULT_CLASSES: Mapping[ResultRole, tuple[UID, ...]] = {
    ResultRole.SEGMENTATION: (SegmentationStorage, *PAGES),
    ResultRole.KEY_IMAGE: (SecondaryCaptureImageStorage,),
    ResultRole.FEATURE_REPORT: REPORT_CLASSES,
    ResultRole.SUMMARY_REPORT: REPORT_CLASSES,
}
"""The first is as it is made; the others say the same, for a target that does not take that one."""
