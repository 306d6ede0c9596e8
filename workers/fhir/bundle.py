"""The FHIR R5 bundle of a summary report: a DiagnosticReport with its Observations, as one transaction."""

from collections.abc import Iterator

from pydicom import Dataset

from workers.fhir.data_types import (
    UID_SYSTEM,
    Json,
    concept,
    imaging_study,
    instant,
    service_request,
    subject,
    uid_identifier,
)
from workers.fhir.observations import STATUS, Resource, groups_of, observations_of

DEVICE_UID, CONCLUSION, NOTICE = "121012", "121077", "Notice"
ALGORITHM_NAME, ALGORITHM_VERSION, ALGORITHM_PARAMETERS = "111001", "111003", "111002"


def bundle_of(report: Dataset) -> Json:
    """Return the bundle of a summary report.

    A server that already has one of the resources, by its identifier, makes no second one. Patient, study and order are
    logical references; of the patient, the bundle holds the ID and its issuer only.
    """
    device = _device(report)
    groups = [observations_of(report, group, number, device) for number, group in enumerate(groups_of(report), 1)]
    document = _diagnostic_report(report, [group[0] for group in groups])
    resources = [document, device, *(resource for group in groups for resource in group)]
    return {"resourceType": "Bundle", "type": "transaction", "entry": [_entry(resource) for resource in resources]}


def _entry(resource: Resource) -> Json:
    kind = str(resource.content["resourceType"])
    unless = f"identifier={UID_SYSTEM}|urn:oid:{resource.uid}"
    request = {"method": "POST", "url": kind, "ifNoneExist": unless}
    return {"fullUrl": resource.url, "resource": resource.content, "request": request}


def _diagnostic_report(report: Dataset, groups: list[Resource]) -> Resource:
    uid = str(report.SOPInstanceUID)
    content: Json = {
        "resourceType": "DiagnosticReport",
        "identifier": [uid_identifier(uid)],
        "status": STATUS,
        "code": concept(report, report.ConceptNameCodeSequence[0]),
        "subject": subject(report),
        "issued": instant(report),
        "study": [imaging_study(report)],
        "result": [one.reference for one in groups],
        "conclusion": "\n".join(_conclusions(report)),
    }
    if orders := service_request(report):
        content["basedOn"] = orders
    return Resource(content, uid)


def _conclusions(report: Dataset) -> Iterator[str]:
    """Yield the sentences of the summary, the verdict first."""
    for item in _all_items(report):
        meaning = str(item.ConceptNameCodeSequence[0].CodeMeaning) if item.get("ConceptNameCodeSequence") else ""
        if item.ValueType == "TEXT" and (_code(item) == CONCLUSION or meaning == NOTICE):
            yield str(item.TextValue)


def _device(report: Dataset) -> Resource:
    """Return the algorithm that made the report, or the program where none was used."""
    items = list(_all_items(report))
    uid = next(str(item.UID) for item in items if _code(item) == DEVICE_UID)
    name = _text(items, ALGORITHM_NAME) or str(report.ManufacturerModelName)
    version = _text(items, ALGORITHM_VERSION) or str(report.SoftwareVersions)
    content: Json = {
        "resourceType": "Device",
        "identifier": [uid_identifier(uid)],
        "displayName": name,
        "manufacturer": str(report.Manufacturer),
        "version": [{"value": version}],
    }
    if parameters := _text(items, ALGORITHM_PARAMETERS):
        content["property"] = [{"type": {"text": "Algorithm Parameters"}, "valueString": parameters}]
    return Resource(content, uid)


def _text(items: list[Dataset], code: str) -> str:
    return next((str(item.TextValue) for item in items if _code(item) == code), "")


def _code(item: Dataset) -> str:
    names = item.get("ConceptNameCodeSequence")
    return str(names[0].CodeValue) if names else ""


def _all_items(parent: Dataset) -> Iterator[Dataset]:
    for item in parent.get("ContentSequence") or ():
        yield item
        yield from _all_items(item)
