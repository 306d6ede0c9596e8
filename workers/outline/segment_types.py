"""What the codes of a segment say it is: the tumour, tissue that does not belong in the ring, or something else.

The type decides (Segmented Property Type, PS3.16 CID 7159 and the neoplasms of the breast), because writers disagree on
the category: a mass is filed as morphologically abnormal structure, as tissue and as anatomical structure. Comparing
pydicom's codes makes legacy SNOMED RT values (SRT) equal to their SNOMED CT ones.
"""

from collections.abc import Iterable

from pydicom import Dataset
from pydicom.sr.coding import Code

TUMOUR_TYPES = (
    Code("108369006", "SCT", "Neoplasm"),
    Code("372087000", "SCT", "Neoplasm, Primary"),
    Code("86049000", "SCT", "Malignant neoplasm, primary"),
    Code("367651003", "SCT", "Malignant neoplasm"),
    Code("254837009", "SCT", "Malignant neoplasm of breast"),
    Code("126926005", "SCT", "Neoplasm of breast"),
    Code("68453008", "SCT", "Carcinoma, no subtype"),
    Code("1187425009", "SCT", "Carcinoma"),
    Code("82711006", "SCT", "Infiltrating duct carcinoma"),
    Code("408643008", "SCT", "Infiltrating duct carcinoma of breast"),
    Code("89740008", "SCT", "Lobular carcinoma"),
    Code("4147007", "SCT", "Mass"),
    Code("129788004", "SCT", "Mammographic breast mass"),
    Code("52988006", "SCT", "Lesion"),
    Code("27925004", "SCT", "Nodule"),
    Code("228791009", "SCT", "Gross tumor volume"),
    Code("C113842", "NCIt", "Enhancing Lesion"),
)
OTHER_TISSUE_TYPES = (
    Code("59820001", "SCT", "Blood vessel"),
    Code("51114001", "SCT", "Artery"),
    Code("29092000", "SCT", "Vein"),
    Code("15825003", "SCT", "Aorta"),
    Code("39937001", "SCT", "Skin"),
    Code("54468004", "SCT", "Skin of nipple"),
    Code("24142002", "SCT", "Nipple"),
    Code("74160004", "SCT", "Skin of chest"),
    Code("78904004", "SCT", "Chest wall"),
    Code("71616004", "SCT", "Muscle"),
    Code("91727004", "SCT", "Muscle tissue"),
    Code("127954009", "SCT", "Skeletal muscle"),
    Code("60005003", "SCT", "Pectoralis major muscle"),
    Code("18686000", "SCT", "Pectoralis minor muscle"),
    Code("113197003", "SCT", "Rib"),
    Code("56873002", "SCT", "Sternum"),
    Code("272673000", "SCT", "Bone"),
    Code("3138006", "SCT", "Bone tissue"),
    Code("39607008", "SCT", "Lung"),
    Code("80891009", "SCT", "Heart"),
    Code("10200004", "SCT", "Liver"),
    Code("59441001", "SCT", "Lymph node"),
    Code("68171009", "SCT", "Axillary lymph node"),
    Code("15158005", "SCT", "Air"),
)
"""Breast, fibroglandular and adipose tissue are not among them: the ring is meant to hold those."""


def is_tumour(segment: Dataset) -> bool:
    """Return whether an item of the Segment Sequence is coded as the tumour."""
    return _has_type(segment, TUMOUR_TYPES)


def is_other_tissue(segment: Dataset) -> bool:
    """Return whether an item of the Segment Sequence is coded as tissue that does not belong in the ring."""
    return _has_type(segment, OTHER_TISSUE_TYPES)


def _has_type(segment: Dataset, types: Iterable[Code]) -> bool:
    known = tuple(types)
    for item in segment.get("SegmentedPropertyTypeCodeSequence") or ():
        value = item.get("CodeValue") or item.get("LongCodeValue") or ""
        code = Code(str(value), str(item.get("CodingSchemeDesignator", "")), str(item.get("CodeMeaning", "")))
        if any(code == other for other in known):
            return True
    return False
