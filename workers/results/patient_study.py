"""Patient, study and date of results, copied from their sources."""

import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass

from pydicom import Dataset

from listener.dicom.data_set import UNREADABLE_BYTES
from workers.results.valid_attributes import complete_modules, fits, without_invalid

TYPE_2 = (
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyDate",
    "StudyTime",
    "ReferringPhysicianName",
    "StudyID",
    "AccessionNumber",
)
"""Required, but may be empty (Type 2, PS3.3 C.7.1.1, C.7.2.1). De-identified images often lack them."""

COPIED = (
    *TYPE_2,
    # PS3.3 C.7.1.1 Patient
    "IssuerOfPatientID",
    "IssuerOfPatientIDQualifiersSequence",
    "TypeOfPatientID",
    "OtherPatientIDsSequence",
    "OtherPatientNames",
    "EthnicGroup",
    "PatientComments",
    "QualityControlSubject",
    "PatientIdentityRemoved",
    "DeidentificationMethod",
    "DeidentificationMethodCodeSequence",
    # PS3.3 C.7.1.3 Clinical Trial Subject
    "ClinicalTrialSponsorName",
    "ClinicalTrialProtocolID",
    "ClinicalTrialProtocolName",
    "ClinicalTrialSiteID",
    "ClinicalTrialSiteName",
    "ClinicalTrialSubjectID",
    "ClinicalTrialSubjectReadingID",
    # PS3.3 C.7.2.1 General Study
    "StudyInstanceUID",
    "StudyDescription",
    "IssuerOfAccessionNumberSequence",
    "PhysiciansOfRecord",
    "ProcedureCodeSequence",
    # PS3.3 C.7.2.2 Patient Study
    "PatientAge",
    "PatientSize",
    "PatientWeight",
    "AdditionalPatientHistory",
    "AdmissionID",
    # PS3.3 C.7.2.3 Clinical Trial Study
    "ClinicalTrialTimePointID",
    "ClinicalTrialTimePointDescription",
    "LongitudinalTemporalInformationModified",
    # PS3.3 C.12.1 SOP Common
    "TimezoneOffsetFromUTC",
)
"""Attributes of patient and study that a result copies from its sources."""
VETERINARY = (
    "PatientSpeciesDescription",
    "PatientSpeciesCodeSequence",
    "PatientBreedDescription",
    "PatientBreedCodeSequence",
    "BreedRegistrationSequence",
    "ResponsiblePerson",
    "ResponsiblePersonRole",
    "ResponsibleOrganization",
)
"""Attributes that are valid only together, of animals; results of radtme are of people."""

TIME_PATTERN = re.compile(r"[0-9]{6}(\.[0-9]{1,6})?")
UNKNOWN_DATE = "19000101"
"""Content Date of a result whose sources have no date: it is Type 1, and must not depend on a clock."""


@dataclass(frozen=True)
class ContentDateTime:
    """A date (DA) and a time (TM)."""

    date: str
    time: str


def patient_and_study(headers: Sequence[Dataset]) -> Dataset:
    """Return patient and study attributes of the first header, completed from further headers of the same patient.

    Type 2 attributes that no header has are empty.
    """
    copied = Dataset()
    for header in headers:
        # Where they differ, the images' patient is used, not the outline's: images come from the scanner's worklist and
        # are in the archive; an outline comes from a workstation, where the wrong patient may have been open.
        if header is headers[0] or _is_same_patient(header, headers[0]):
            lacking = [keyword for keyword in COPIED if keyword not in copied]
            copied.update(decoded(header, lacking))
    for keyword in TYPE_2:
        if keyword not in copied:
            setattr(copied, keyword, None)
    complete_modules(copied)
    return copied


def _is_same_patient(header: Dataset, other: Dataset) -> bool:
    """Return whether both have the same Patient ID and no different issuers: an ID is unique only for its issuer."""
    ids, issuers = (
        [str(one.get(keyword) or "").strip() for one in (header, other)]
        for keyword in ("PatientID", "IssuerOfPatientID")
    )
    return ids[0] == ids[1] and (issuers[0] == issuers[1] or not all(issuers))


def decoded(source: Dataset, keywords: Iterable[str]) -> Dataset:
    """Return those of these attributes that ``source`` has and that follow DICOM's rules, decoded.

    They can be written in any character set. Undecoded texts in sequences would still be in that of ``source``, and
    would be written unchanged.
    """
    return without_invalid(_as_received(source, keywords))


def left_out(headers: Sequence[Dataset], keywords: Iterable[str]) -> tuple[str, ...]:
    """Return which of these attributes a result does not copy as they are, because they break DICOM's rules."""
    found = set()
    for header in headers:
        received = _as_received(header, keywords)
        valid = without_invalid(received)
        complete_modules(valid)
        found |= {one.keyword for one in received if valid.get(one.keyword) != one.value}
        found |= {keyword for keyword in VETERINARY if keyword in header}
    return tuple(sorted(found))


def _as_received(source: Dataset, keywords: Iterable[str]) -> Dataset:
    copied = Dataset()
    for keyword in keywords:
        with suppress(*UNREADABLE_BYTES):
            if keyword in source:
                copied.add(deepcopy(source[keyword]))
    for element in copied.iterall():  # accessing an element decodes it
        if element.VR == "SQ":
            for item in element.value:
                if "SpecificCharacterSet" in item:
                    del item.SpecificCharacterSet
    return copied


def content_date_time(seg_header: Dataset, image_headers: Sequence[Dataset]) -> ContentDateTime:
    """Return the date and time of results: those of the outline's content.

    A result must be the same object in every run, so no clock is used. Where the outline has no content date, its
    series date is used, then its study date, then those of the first image, and finally `UNKNOWN_DATE`.
    """
    for header in (seg_header, *image_headers[:1]):
        for entity in ("Content", "Series", "Study"):
            date = str(header.get(f"{entity}Date") or "")
            time = str(header.get(f"{entity}Time") or "")
            if date and fits("DA", date):
                return ContentDateTime(date, time if TIME_PATTERN.fullmatch(time) and fits("TM", time) else "000000")
    return ContentDateTime(UNKNOWN_DATE, "000000")
