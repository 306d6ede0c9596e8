"""Recognises radtme's own results: a PACS that routes a study to us also routes the results that we stored there.

By maker and model, so that the results of another installation are known as well. What radtme makes as an input (a
phantom, an outline from a mask file) has the same maker and a model name of its own.
"""

from pydicom.dataset import Dataset

MANUFACTURER = "radtme"
RESULT_MODEL_NAME = "radtme"
PRIVATE_SCHEME = "99RADTME"
OWN_RESULT_TAGS = ("Manufacturer", "ManufacturerModelName", "SegmentSequence")


def is_own_result(header: Dataset) -> bool:
    """Tell whether an object is a result of radtme, of whatever version and installation.

    Where a de-identifier removed the manufacturer, a segment coded in our private scheme identifies it.
    """
    maker, model = (str(header.get(keyword) or "").strip() for keyword in OWN_RESULT_TAGS[:2])
    if maker or model:
        return (maker, model) == (MANUFACTURER, RESULT_MODEL_NAME)
    return any(
        str(code.get("CodingSchemeDesignator") or "").strip() == PRIVATE_SCHEME
        for segment in header.get("SegmentSequence") or ()
        for code in segment.get("SegmentedPropertyTypeCodeSequence") or ()
    )
