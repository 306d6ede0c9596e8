"""What to do about a case that is not scored, in one sentence for each reason, as ``docs/not-scored.md`` says it."""

from collections.abc import Mapping
from types import MappingProxyType

from workers.errors import Reason

NOTHING_TRAINED = "Nothing can be done: the signature was not trained on such images."
CHECK_OUTLINE = "Check the series and the outline."
AS_WRITTEN = "Send the object that the explanation names again, as scanner or viewer wrote it."

REMEDIES: Mapping[Reason, str] = MappingProxyType(
    {
        Reason.EMPTY_SEGMENTATION: "Save the outline again and send it.",
        Reason.NO_TUMOUR_SEGMENT: "Code the segment of the tumour as a neoplasm, or ask the administrator for a rule.",
        Reason.SEVERAL_TUMOUR_SEGMENTS: "Check the segments: they may be parts of one tumour.",
        Reason.UNSUPPORTED_SEGMENTATION: "Draw on the original images and export a BINARY segmentation.",
        Reason.OUTSIDE_VOLUME: "Check which series the outline was drawn on.",
        Reason.OTHER_FRAME_OF_REFERENCE: "Draw on the images of this examination, not on a registered copy.",
        Reason.MISSING_INSTANCES: "Send the missing images, or what the explanation asks for: the case is then scored.",
        Reason.MISSING_SLICES: "Send the missing slices, or the series without scouts and projections.",
        Reason.IRREGULAR_GEOMETRY: "Send the original series of the scanner: these images do not form a volume.",
        Reason.NO_GEOMETRY: "Send the original images of the scanner, and export the outline with them as its source.",
        Reason.UNKNOWN_PHASE: "Draw on the images of one phase, and send the series with its times.",
        Reason.DERIVED_IMAGES: "Copy the outline to the original images of the phase after contrast and send it.",
        Reason.OTHER_TECHNIQUE: "Outline the tumour on the dynamic series.",
        Reason.OTHER_BODY_PART: "Check which study the outline was sent with.",
        Reason.BEFORE_CONTRAST: "Copy the outline to the phase after contrast and send it.",
        Reason.OTHER_PHASE: "Copy the outline to the phase that the explanation names.",
        Reason.OTHER_ACQUISITION: NOTHING_TRAINED,
        Reason.OTHER_SPACING: NOTHING_TRAINED,
        Reason.OTHER_SCANNER: NOTHING_TRAINED,
        Reason.UNREADABLE_PIXELS: AS_WRITTEN,
        Reason.INVALID_PIXELS: "Check the series: it may be a derived map, or masked or cropped to the tumour.",
        Reason.SINGLE_SLICE: "Outline the tumour on every slice that shows it.",
        Reason.TUMOUR_TOO_SMALL: "Nothing can be done: texture is meaningless in so few voxels.",
        Reason.TUMOUR_TOO_LARGE: "Check the code of the segment: it may outline the breast.",
        Reason.RING_TOO_SMALL: "Nothing can be done: too little tissue around the tumour remains to be measured.",
        Reason.FEATURE_NOT_COMPUTABLE: "Nothing can be done: missing features are never filled in.",
        Reason.TOO_FEW_GREY_LEVELS: "Check the series: it may be a map, rescaled or masked.",
        Reason.FEATURES_OUT_OF_RANGE: CHECK_OUTLINE,
        Reason.UNLIKE_TRAINING: CHECK_OUTLINE,
        Reason.PATIENT_MISMATCH: "Find out whose images and whose outline these are before anything else.",
        Reason.UNREADABLE_OBJECT: AS_WRITTEN,
        Reason.SIGNATURE_UNUSABLE: "Ask the administrator of radtme: no signature can be used.",
        Reason.ENGINES_DIFFER: "Ask the administrator of radtme: nothing is scored until the difference is explained.",
        Reason.TIME_LIMIT: "Check the size of tumour and series, and ask the administrator of radtme to try again.",
        Reason.MEMORY_LIMIT: "Check the size of tumour and series, and ask the administrator of radtme to try again.",
        Reason.OVER_LIMITS: "Ask the administrator of radtme: an object is larger than the limits allow.",
    }
)
EXPLAINED = frozenset(reason for reason, remedy in REMEDIES.items() if "the explanation" in remedy)
"""Reasons whose remedy refers to the explanation, which the report gives and the key image does not."""
