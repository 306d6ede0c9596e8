"""FHIR data types from the attributes and codes of a report: codings, identifiers, references, times."""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any

from pydicom import Dataset

Json = dict[str, Any]

DCM = "http://dicom.nema.org/resources/ontology/DCM"
UID_SYSTEM = "urn:dicom:uid"
IDENTIFIER_TYPES = "http://hl7.org/fhir/uv/dicom-sr/CodeSystem/dicom-identifier-type"
HL7_IDENTIFIER_TYPES = "http://terminology.hl7.org/CodeSystem/v2-0203"
SYSTEMS: Mapping[str, str] = MappingProxyType(
    {
        "DCM": DCM,
        "SCT": "http://snomed.info/sct",
        "LN": "http://loinc.org",
        "UCUM": "http://unitsofmeasure.org",
        "UMLS": "http://terminology.hl7.org/CodeSystem/umls",
    }
)
"""The code systems of coding schemes; others are named by the OID of their Coding Scheme UID."""


def code_system(report: Dataset, scheme: str) -> str:
    """Return the URI of a coding scheme that a report uses."""
    if scheme in SYSTEMS:
        return SYSTEMS[scheme]
    schemes = report.get("CodingSchemeIdentificationSequence") or ()
    uids = (str(one.get("CodingSchemeUID") or "") for one in schemes if one.CodingSchemeDesignator == scheme)
    return f"urn:oid:{uid}" if (uid := next(uids, "")) else f"urn:dicom:scheme:{scheme}"


def concept(report: Dataset, code: Dataset) -> Json:
    """Return a code of a report as a CodeableConcept."""
    return coded(code_system(report, str(code.CodingSchemeDesignator)), str(code.CodeValue), str(code.CodeMeaning))


def coded(system: str, code: str, display: str) -> Json:
    """Return a CodeableConcept with one coding."""
    return {"coding": [{"system": system, "code": code, "display": display}]}


def uid_identifier(uid: str, kind: Json | None = None) -> Json:
    """Return a DICOM UID as an Identifier."""
    return {**({"type": kind} if kind else {}), "system": UID_SYSTEM, "value": f"urn:oid:{uid}"}


def subject(report: Dataset) -> Json:
    """Return the patient of a report as a logical reference: the ID and its issuer, as the images have them."""
    if not report.get("PatientID"):
        return {"type": "Patient", "display": "Patient ID unknown"}
    identifier: Json = {"value": str(report.PatientID)}
    if issuer := str(report.get("IssuerOfPatientID") or ""):
        identifier["assigner"] = {"display": issuer}
    return {"type": "Patient", "identifier": identifier}


def imaging_study(report: Dataset) -> Json:
    """Return the study of a report as a logical reference."""
    kind = coded(DCM, "110180", "Study Instance UID")
    return {"type": "ImagingStudy", "identifier": uid_identifier(str(report.StudyInstanceUID), kind)}


def service_request(report: Dataset) -> list[Json]:
    """Return the order of a report by its accession number, as logical references; empty without a number."""
    number = str(report.get("AccessionNumber") or "")
    kind = coded(HL7_IDENTIFIER_TYPES, "ACSN", "Accession ID")
    return [{"type": "ServiceRequest", "identifier": {"type": kind, "value": number}}] if number else []


def instant(report: Dataset) -> str:
    """Return the content date and time of a report; in UTC where it names no time zone."""
    offset = str(report.get("TimezoneOffsetFromUTC") or "+0000")
    time = str(report.ContentTime)[:6]
    return datetime.strptime(f"{report.ContentDate}{time}{offset}", "%Y%m%d%H%M%S%z").isoformat()
