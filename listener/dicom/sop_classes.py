"""Which of the objects that an outline refers to are images: listener and workers must not differ on it."""

import functools
from collections.abc import Sequence

from pydicom.uid import (
    UID,
    BasicTextSRStorage,
    Comprehensive3DSRStorage,
    ComprehensiveSRStorage,
    EnhancedMRImageStorage,
    EnhancedSRStorage,
    ExtensibleSRStorage,
    KeyObjectSelectionDocumentStorage,
    LegacyConvertedEnhancedMRImageStorage,
    MRImageStorage,
    RTStructureSetStorage,
    SegmentationStorage,
)

_NO_IMAGES = (
    "SR",
    "Segmentation",
    "PresentationState",
    "KeyObject",
    "StructureSet",
    "Registration",
    "Fiducials",
    "ValueMapping",
)
"""In the keyword of a SOP class: an outline may be derived from these, but is not drawn on them."""


def is_image_class(sop_class_uid: object) -> bool:
    """Return whether objects of this SOP class are images to draw an outline on; an unknown class counts as one."""
    return _is_image_class(str(sop_class_uid or ""))


@functools.lru_cache(maxsize=256)
def _is_image_class(sop_class_uid: str) -> bool:
    keyword = UID(sop_class_uid).keyword
    return not any(word in keyword for word in _NO_IMAGES)


def are_source_images(sop_class_uids: Sequence[object]) -> list[bool]:
    """Tell which of the objects that an outline refers to are the images to measure, by their SOP classes.

    Those that can be measured, or are of an unknown class; where there are none of these, all other images, because
    some writers name MR images as CT.
    """
    images = [is_image_class(one) for one in sop_class_uids]
    measured = [is_image(str(one or "")) or not UID(str(one or "")).keyword for one in sop_class_uids]
    return measured if any(measured) else images


VERIFICATION = UID("1.2.840.10008.1.1")
LABEL_MAP_SEGMENTATION_STORAGE = UID("1.2.840.10008.5.1.4.1.1.66.7")

IMAGE_CLASSES = (MRImageStorage, EnhancedMRImageStorage, LegacyConvertedEnhancedMRImageStorage)
OUTLINE_CLASSES = (SegmentationStorage, LABEL_MAP_SEGMENTATION_STORAGE, RTStructureSetStorage)
STORAGE_CLASSES = (*IMAGE_CLASSES, *OUTLINE_CLASSES)
DOCUMENT_CLASSES = (
    KeyObjectSelectionDocumentStorage,
    BasicTextSRStorage,
    EnhancedSRStorage,
    ComprehensiveSRStorage,
    Comprehensive3DSRStorage,
    ExtensibleSRStorage,
)
"""In which readers assess results; accepted where the settings say so."""


_LABELS = {
    str(MRImageStorage): "mr",
    str(EnhancedMRImageStorage): "enhanced_mr",
    str(LegacyConvertedEnhancedMRImageStorage): "legacy_converted_enhanced_mr",
    str(SegmentationStorage): "segmentation",
    str(LABEL_MAP_SEGMENTATION_STORAGE): "label_map_segmentation",
    str(RTStructureSetStorage): "rt_structure_set",
}


_OTHER_LABEL = "other"
SOP_CLASS_LABELS = (*_LABELS.values(), _OTHER_LABEL)


def sop_class_label(sop_class_uid: str) -> str:
    """Return a metric label from a closed set, whatever a peer writes into its command."""
    return _LABELS.get(sop_class_uid, _OTHER_LABEL)


def is_outline(sop_class_uid: str) -> bool:
    """Return whether objects of this class name the images that they were drawn on."""
    return sop_class_uid in OUTLINE_CLASSES


def is_document(sop_class_uid: str) -> bool:
    """Return whether objects of this class can assess results."""
    return sop_class_uid in DOCUMENT_CLASSES


def is_image(sop_class_uid: str) -> bool:
    """Return whether objects of this class can be measured."""
    return sop_class_uid in IMAGE_CLASSES
