"""The measurement groups of a report as Observations, with the segments that they are of as ImagingSelections."""

from collections.abc import Iterator
from dataclasses import dataclass
from uuid import NAMESPACE_OID, uuid5

from pydicom import Dataset

from workers.fhir.data_types import (
    DCM,
    IDENTIFIER_TYPES,
    SYSTEMS,
    UID_SYSTEM,
    Json,
    code_system,
    coded,
    concept,
    imaging_study,
    instant,
    service_request,
    subject,
    uid_identifier,
)
from workers.results.uids import derived_uid

GROUP = "125007"
FINDING, FINDING_SITE, LATERALITY = "121071", "363698007", "272741003"
TRACKING_IDENTIFIER, TRACKING_UID, SEGMENT, SOURCE_SERIES = "112039", "112040", "121191", "121232"
CONTEXT = frozenset({FINDING})
"""Coded items of a group that say what the group is of, and evaluate nothing."""
SOP_CLASSES = "https://dicom.nema.org/medical/dicom/current/output/chtml/part04/sect_B.5"
STATUS = "preliminary"
"""A report of radtme is not verified by a person."""


@dataclass(frozen=True)
class Resource:
    """A resource of a bundle, with the identifier by which a server recognises it."""

    content: Json
    uid: str
    """DICOM UID; references inside the bundle and the server's duplicate check use it."""

    @property
    def url(self) -> str:
        """Its address inside the bundle: not all servers resolve ``urn:oid`` (Medplum's leaves it as it is)."""
        return f"urn:uuid:{uuid5(NAMESPACE_OID, self.uid)}"

    @property
    def reference(self) -> Json:
        """A reference to it."""
        return {"reference": self.url}


def groups_of(report: Dataset) -> Iterator[Dataset]:
    """Yield the measurement groups of a TID 1500 report."""
    for item in _content(report):
        if _name(item) == "126010":  # Imaging Measurements
            yield from (group for group in _content(item) if _name(group) == GROUP)


def observations_of(report: Dataset, group: Dataset, number: int, device: Resource) -> list[Resource]:
    """Return the resources of one group: the group itself first, then its members and its segment."""
    base = _base(report, device)
    site = _site(report, group)
    selection = _selection(report, group, number)
    if selection is not None:
        base["derivedFrom"] = [selection.reference]
    members = [
        _observation(report, {**base, **_value(report, item)}, f"{number}.{place}")
        for place, item in enumerate(_content(group))
        if _is_measurement(item) or _is_evaluation(item)
    ]
    content = {**base, "code": coded(DCM, GROUP, "Measurement Group"), **site}
    if (finding := _item(group, FINDING)) is not None:
        content["valueCodeableConcept"] = concept(report, finding.ConceptCodeSequence[0])
    if members:
        content["hasMember"] = [one.reference for one in members]
    whole = _observation(report, content, str(number))
    return [whole, *members, *([selection] if selection is not None else [])]


def _base(report: Dataset, device: Resource) -> Json:
    base: Json = {
        "resourceType": "Observation",
        "status": STATUS,
        "subject": subject(report),
        "partOf": [imaging_study(report)],
        "issued": instant(report),
        "device": device.reference,
    }
    if orders := service_request(report):
        base["basedOn"] = orders
    return base


def _observation(report: Dataset, content: Json, place: str) -> Resource:
    uid = derived_uid("radtme fhir observation", str(report.SOPInstanceUID), place)
    kind = coded(IDENTIFIER_TYPES, "observation-uid", "Observation UID")
    return Resource({**content, "identifier": [uid_identifier(uid, kind)]}, uid)


def _value(report: Dataset, item: Dataset) -> Json:
    """Return code and value of a measurement or an evaluation."""
    code = {"code": concept(report, item.ConceptNameCodeSequence[0])}
    if item.ValueType == "CODE":
        category = coded(SYSTEMS["UMLS"], "C0034375", "Qualitative Evaluations")
        value = concept(report, item.ConceptCodeSequence[0])
        return {**code, "category": [category], "valueCodeableConcept": value}
    measured = item.MeasuredValueSequence[0]
    unit = measured.MeasurementUnitsCodeSequence[0]
    quantity = {
        "value": float(measured.NumericValue),
        "unit": str(unit.CodeMeaning),
        "system": code_system(report, str(unit.CodingSchemeDesignator)),
        "code": str(unit.CodeValue),
    }
    return {**code, "valueQuantity": quantity}


def _is_measurement(item: Dataset) -> bool:
    return item.ValueType == "NUM" and bool(item.get("MeasuredValueSequence"))


def _is_evaluation(item: Dataset) -> bool:
    return item.ValueType == "CODE" and item.RelationshipType == "CONTAINS" and _name(item) not in CONTEXT


def _site(report: Dataset, group: Dataset) -> Json:
    """Return the finding site: a body site, or a contained body structure where the side is known."""
    site = _item(group, FINDING_SITE)
    if site is None:
        return {}
    structure = concept(report, site.ConceptCodeSequence[0])
    side = _item(site, LATERALITY)
    if side is None:
        return {"bodySite": structure}
    included = {"structure": structure, "laterality": concept(report, side.ConceptCodeSequence[0])}
    body = {
        "resourceType": "BodyStructure",
        "id": "site",
        "identifier": list(_tracking(group)),
        "includedStructure": [included],
        "patient": subject(report),
    }
    return {"contained": [body], "bodyStructure": {"reference": "#site"}}


def _tracking(group: Dataset) -> Iterator[Json]:
    identifier, uid = _item(group, TRACKING_IDENTIFIER), _item(group, TRACKING_UID)
    if identifier is not None:
        yield {"type": coded(DCM, TRACKING_IDENTIFIER, "Tracking Identifier"), "value": str(identifier.TextValue)}
    if uid is not None:
        yield uid_identifier(str(uid.UID), coded(DCM, TRACKING_UID, "Tracking Unique Identifier"))


def _selection(report: Dataset, group: Dataset, number: int) -> Resource | None:
    """Return the segment that a group is measured on."""
    segment, series = _item(group, SEGMENT), _item(group, SOURCE_SERIES)
    if segment is None or series is None:
        return None
    referenced = segment.ReferencedSOPSequence[0]
    uid = derived_uid("radtme fhir selection", str(report.SOPInstanceUID), str(number))
    numbers = referenced.get("ReferencedSegmentNumber")
    instance = {
        "uid": str(referenced.ReferencedSOPInstanceUID),
        "sopClass": {"system": SOP_CLASSES, "code": str(referenced.ReferencedSOPClassUID)},
        "subset": [str(numbers)],
    }
    content = {
        "resourceType": "ImagingSelection",
        "identifier": [{"system": UID_SYSTEM, "value": f"urn:oid:{uid}"}],
        "status": "available",
        "subject": subject(report),
        "derivedFrom": [imaging_study(report)],
        "code": coded(DCM, SEGMENT, "Referenced Segment"),
        "studyUid": str(report.StudyInstanceUID),
        "seriesUid": str(series.UID),
        "instance": [instance],
    }
    return Resource(content, uid)


def _content(item: Dataset) -> list[Dataset]:
    return list(item.get("ContentSequence") or ())


def _name(item: Dataset) -> str:
    names = item.get("ConceptNameCodeSequence")
    return str(names[0].CodeValue) if names else ""


def _item(parent: Dataset, name: str) -> Dataset | None:
    return next((item for item in _content(parent) if _name(item) == name), None)
