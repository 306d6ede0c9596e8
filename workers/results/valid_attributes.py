"""Attributes of a source that break DICOM's rules: results leave them out, because strict archives refuse them."""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from types import MappingProxyType

from pydicom import DataElement, Dataset, config
from pydicom.datadict import dictionary_VM, keyword_for_tag
from pydicom.valuerep import validate_value

KEPT_AS_RECEIVED = frozenset({"StudyInstanceUID", "PatientID", "PatientName", "IssuerOfPatientID", "AccessionNumber"})
"""The archive files a result by these: they have to be equal to those of the images, right or wrong."""
ENUMERATED: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "Laterality": frozenset({"L", "R"}),
        "PatientSex": frozenset({"M", "F", "O"}),
        "TypeOfPatientID": frozenset({"TEXT", "RFID", "BARCODE"}),
        "QualityControlSubject": frozenset({"YES", "NO"}),
        "PatientIdentityRemoved": frozenset({"YES", "NO"}),
        "LongitudinalTemporalInformationModified": frozenset({"UNMODIFIED", "MODIFIED", "REMOVED"}),
        "SegmentAlgorithmType": frozenset({"AUTOMATIC", "SEMIAUTOMATIC", "MANUAL"}),
    }
)
CONTROLS = re.compile(r"[\x00-\x1f\x7f]+")
LINE = re.compile(r"[^\x00-\x1f\x7f]*")
PAGE = re.compile(r"[^\x00-\x08\x0b\x0e-\x1f\x7f]*")
"""Lines may end, and pages (PS3.5 section 6.1.3)."""
NAME = r"[^\x00-\x1f\x7f^=]*(\^[^\x00-\x1f\x7f^=]*){0,4}"
PATTERNS: Mapping[str, re.Pattern[str]] = MappingProxyType(
    {
        "DA": re.compile(r"[0-9]{8}"),
        "TM": re.compile(r"([01][0-9]|2[0-3])([0-5][0-9]([0-5][0-9](\.[0-9]{1,6})?)?)? *"),
        "AS": re.compile(r"[0-9]{3}[DWMY]"),
        "PN": re.compile(rf"{NAME}(={NAME}){{0,2}}"),
        **dict.fromkeys(("CS", "LO", "SH", "UC", "UI"), LINE),
        **dict.fromkeys(("LT", "ST", "UT"), PAGE),
    }
)
"""What pydicom's own checks let pass."""
ANY_OF: Mapping[str, tuple[tuple[str, ...], ...]] = MappingProxyType(
    {
        "OtherPatientIDsSequence": (("PatientID", "TypeOfPatientID"),),
        "IssuerOfAccessionNumberSequence": (
            ("LocalNamespaceEntityID",),
            ("UniversalEntityID", "UniversalEntityIDType"),
        ),
    }
)
ONE_ITEM = frozenset({"IssuerOfPatientIDQualifiersSequence", "IssuerOfAccessionNumberSequence"})
TRIAL_SUBJECT = ("ClinicalTrialSponsorName", "ClinicalTrialProtocolID")
TRIAL_SUBJECT_TYPE_2 = ("ClinicalTrialProtocolName", "ClinicalTrialSiteID", "ClinicalTrialSiteName")
TRIAL_SUBJECT_IDS = ("ClinicalTrialSubjectID", "ClinicalTrialSubjectReadingID")
"""The module has attributes of Type 1 and 2, and needs one of the IDs (PS3.3 section C.7.1.3)."""
CODE = (
    ("CodeMeaning", "CodeValue", "CodingSchemeDesignator"),
    ("CodeMeaning", "LongCodeValue", "CodingSchemeDesignator"),
    ("CodeMeaning", "URNCodeValue"),
)
"""What an item of a sequence has to have, in one of several ways."""


def without_invalid(attributes: Dataset, *, is_header: bool = True) -> Dataset:
    """Return a data set without the attributes that break the rules of their VR, multiplicity, values or items.

    The attributes of a header that are in ``KEPT_AS_RECEIVED`` stay. An attribute without a value stays, unless it
    is a sequence.
    """
    valid = Dataset()
    for element in attributes:
        if element.VR == "SQ":
            items = _valid_items(element)
            if items:
                valid.add_new(element.tag, "SQ", items)
        elif element.is_empty or is_valid(element) or (is_header and element.keyword in KEPT_AS_RECEIVED):
            valid.add(element)
    return valid


def one_line(text: str) -> str:
    """Return a text without control characters and padding, for an attribute that holds a single line."""
    return CONTROLS.sub(" ", text).strip()


def is_valid(element: DataElement) -> bool:
    """Return whether the values of an element follow the rules of its VR, multiplicity and defined terms."""
    values = list(element.value) if element.VM > 1 else [element.value]
    if element.VM > 1 and keyword_for_tag(element.tag) and dictionary_VM(element.tag) == "1":
        return False
    return all(fits(str(element.VR), str(value), element.keyword) for value in values)


def fits(vr: str, value: str, keyword: str = "") -> bool:
    """Return whether a value follows the rules of a VR, and the defined terms of the attribute."""
    pattern, allowed = PATTERNS.get(vr), ENUMERATED.get(keyword)
    try:
        validate_value(vr, value, config.RAISE)
        if vr == "DA":
            datetime.strptime(value, "%Y%m%d")  # noqa: DTZ007 - a date without a time
    except ValueError:
        return False
    return (pattern is None or pattern.fullmatch(value) is not None) and (allowed is None or value in allowed)


def _valid_items(sequence: DataElement) -> list[Dataset]:
    items = (without_invalid(item, is_header=False) for item in sequence.value)
    is_code = sequence.keyword.endswith("CodeSequence") or sequence.keyword.startswith("AnatomicRegion")
    ways = CODE if is_code else ANY_OF.get(sequence.keyword, ((),))
    valid = [item for item in items if len(item) and any(_has(item, keywords) for keywords in ways)]
    return valid[:1] if sequence.keyword in ONE_ITEM else valid


def _has(item: Dataset, keywords: Iterable[str]) -> bool:
    return all(item.get(keyword) for keyword in keywords)


def complete_modules(attributes: Dataset) -> None:
    """Complete the modules of clinical trials and de-identification, or remove what is there of them."""
    _drop_empty(attributes, (*TRIAL_SUBJECT_IDS, "DeidentificationMethod"))
    if _has(attributes, TRIAL_SUBJECT) and any(keyword in attributes for keyword in TRIAL_SUBJECT_IDS):
        _complete(attributes, TRIAL_SUBJECT_TYPE_2)
    else:
        _drop(attributes, (*TRIAL_SUBJECT, *TRIAL_SUBJECT_TYPE_2, *TRIAL_SUBJECT_IDS))
    if "ClinicalTrialTimePointDescription" in attributes:
        _complete(attributes, ["ClinicalTrialTimePointID"])
    if not {"DeidentificationMethod", "DeidentificationMethodCodeSequence"} & set(attributes.dir("Deident")):
        _drop(attributes, ["PatientIdentityRemoved"])


def _complete(attributes: Dataset, keywords: Iterable[str]) -> None:
    for keyword in keywords:
        if keyword not in attributes:
            setattr(attributes, keyword, "")


def _drop(attributes: Dataset, keywords: Iterable[str]) -> None:
    for keyword in keywords:
        attributes.pop(keyword, None)


def _drop_empty(attributes: Dataset, keywords: Iterable[str]) -> None:
    _drop(attributes, [keyword for keyword in keywords if not attributes.get(keyword)])
