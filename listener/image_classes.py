"""Which of the objects that an outline refers to are images: listener and workers must not differ on it."""

from pydicom.uid import UID

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
"""In the keyword of a SOP class: what an outline may come from, but is not drawn on."""


def is_image_class(sop_class_uid: object) -> bool:
    """Tell whether objects of this SOP class are images to draw an outline on; an unknown class counts as one."""
    keyword = UID(str(sop_class_uid or "")).keyword
    return not any(word in keyword for word in _NO_IMAGES)
