"""Text and private code of each reason for not scoring.

Code values have at most 16 characters, meanings at most 64 (PS3.5 SH and LO). ``docs/not-scored.md`` explains each
reason and its remedy.
"""

from types import MappingProxyType

from pydicom.sr.coding import Code

from listener.dicom.own_results import PRIVATE_SCHEME
from workers.errors import Reason

REASONS = MappingProxyType(
    {
        reason: Code(value, PRIVATE_SCHEME, meaning)
        for reason, value, meaning in (
            (Reason.EMPTY_SEGMENTATION, "ns-empty-seg", "The outline is empty"),
            (Reason.NO_TUMOUR_SEGMENT, "ns-no-tumour", "No segment of the outline is coded as a tumour"),
            (Reason.SEVERAL_TUMOUR_SEGMENTS, "ns-many-tumours", "More than 20 segments are tumours"),
            (Reason.UNSUPPORTED_SEGMENTATION, "ns-unsupported", "This type of segmentation is not supported"),
            (Reason.OUTSIDE_VOLUME, "ns-outside", "The outline lies outside the images"),
            (Reason.OTHER_FRAME_OF_REFERENCE, "ns-other-frame", "Outline and images differ in frame of reference"),
            (Reason.MISSING_INSTANCES, "ns-no-instances", "Images that the outline refers to are missing"),
            (Reason.MISSING_SLICES, "ns-no-slices", "Slices of the series are missing"),
            (Reason.IRREGULAR_GEOMETRY, "ns-irregular", "The slices do not form a regular volume"),
            (Reason.NO_GEOMETRY, "ns-no-geometry", "The images state no position in space"),
            (Reason.UNKNOWN_PHASE, "ns-phase", "The contrast phase cannot be determined"),
            (Reason.DERIVED_IMAGES, "ns-derived", "The outline refers to images that were computed from others"),
            (Reason.OTHER_TECHNIQUE, "ns-technique", "The images are not a contrast series of the breast"),
            (Reason.OTHER_BODY_PART, "ns-body-part", "The images show another body part"),
            (Reason.BEFORE_CONTRAST, "ns-pre-contrast", "The outline refers to the phase before contrast"),
            (Reason.OTHER_PHASE, "ns-other-phase", "Another contrast phase than the signature was trained on"),
            (Reason.OTHER_ACQUISITION, "ns-acquisition", "Acquired unlike the training cases of the signature"),
            (Reason.OTHER_SPACING, "ns-spacing", "Voxel spacing unlike the training cases of the signature"),
            (Reason.OTHER_SCANNER, "ns-scanner", "The signature was not trained on this scanner"),
            (Reason.UNREADABLE_PIXELS, "ns-no-pixels", "The pixels cannot be read"),
            (Reason.INVALID_PIXELS, "ns-bad-pixels", "The pixel data are not a valid image"),
            (Reason.SINGLE_SLICE, "ns-one-slice", "The outline covers one slice only"),
            (Reason.TUMOUR_TOO_SMALL, "ns-too-small", "The tumour is too small to be measured"),
            (Reason.TUMOUR_TOO_LARGE, "ns-too-large", "The outline is larger than a breast"),
            (Reason.RING_TOO_SMALL, "ns-ring-small", "Too little tissue surrounds the tumour"),
            (Reason.FEATURE_NOT_COMPUTABLE, "ns-feature", "A feature that the score needs cannot be computed"),
            (Reason.TOO_FEW_GREY_LEVELS, "ns-few-levels", "The region has too few grey levels"),
            (Reason.FEATURES_OUT_OF_RANGE, "ns-out-of-range", "Too many features lie outside the training range"),
            (Reason.UNLIKE_TRAINING, "ns-unlike", "The case is unlike the training cases of the signature"),
            (Reason.PATIENT_MISMATCH, "ns-patient", "Outline and images belong to different patients"),
            (Reason.UNREADABLE_OBJECT, "ns-unreadable", "An object cannot be read"),
            (Reason.SIGNATURE_UNUSABLE, "ns-signature", "The signature cannot be trusted"),
            (Reason.ENGINES_DIFFER, "ns-engines", "Two computations of the features differ"),
            (Reason.TIME_LIMIT, "ns-time-limit", "The computation took too long"),
            (Reason.MEMORY_LIMIT, "ns-memory-limit", "The computation needs too much memory"),
            (Reason.OVER_LIMITS, "ns-over-limits", "An object exceeds the size limits"),
        )
    }
)
"""Each reason for not scoring, as a coded finding."""
