"""Recognises radtme's own results: a PACS that routes a study to us also routes the results that we stored there.

By maker and model, so that the results of another installation are known as well. What radtme makes as an input (a
phantom, an outline from a mask file) has the same maker and a model name of its own.
"""

from pydicom.dataset import Dataset

MANUFACTURER = "radtme"
RESULT_MODEL_NAME = "radtme"
PRIVATE_SCHEME = "99RADTME"
CONTENT_LABEL = "TUMOUR_AND_RING"
OWN_RESULT_TAGS = ("Manufacturer", "ManufacturerModelName", "SegmentSequence", "ContentLabel")


def is_own_result(header: Dataset) -> bool:
    """Return whether an object is a result of radtme, of whatever version and installation.

    Where an archive or a de-identifier removed or replaced the manufacturer, a segment coded in our private scheme
    identifies it, with our content label; a person who corrects a result in a viewer saves it under another one.
    """
    maker, model, label = (
        str(header.get(keyword) or "").strip() for keyword in ("Manufacturer", "ManufacturerModelName", "ContentLabel")
    )
    if (maker.lower(), model.lower()) == (MANUFACTURER, RESULT_MODEL_NAME):
        return True
    if (maker or model) and label != CONTENT_LABEL:
        return False
    return any(
        str(code.get("CodingSchemeDesignator") or "").strip() == PRIVATE_SCHEME
        for segment in header.get("SegmentSequence") or ()
        for code in segment.get("SegmentedPropertyTypeCodeSequence") or ()
    )
