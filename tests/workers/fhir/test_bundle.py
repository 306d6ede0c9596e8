"""The FHIR bundle of a summary report, against the published definitions of FHIR R5."""

import re
from typing import Any

import pytest
from pydicom import Dataset

from support.result_cases import CERTAINTY, make_case, rejected
from workers.errors import Reason
from workers.fhir.bundle import bundle_of
from workers.jobs.result_objects import build_results
from workers.results.result_roles import ResultRole
from workers.scoring.case_result import Stability

bundle = pytest.importorskip("fhir.resources.bundle", reason="needs fhir.resources (a test dependency)")

SOURCE = {
    "BodyPartExamined": "BREAST",
    "Laterality": "L",
    "PatientName": "Doe^Jane",
    "PatientBirthDate": "19700203",
    "IssuerOfPatientID": "HOSPITAL",
    "AccessionNumber": "A1",
    "TimezoneOffsetFromUTC": "+0100",
}


def scored() -> Dataset:
    """Return the summary report of a scored case."""
    case = make_case(SOURCE, certainty=CERTAINTY, stability=Stability(0.4, 0.61, 9, 10))
    return build_results(case.result, case.seg_header, case.measurement)[ResultRole.SUMMARY_REPORT]


def refused() -> Dataset:
    """Return the summary report of a case that was not scored."""
    case = make_case(SOURCE)
    results = build_results(rejected(Reason.OTHER_PHASE), case.seg_header, None, case.headers[:1])
    return results[ResultRole.SUMMARY_REPORT]


def resources(report: Dataset, kind: str) -> list[dict[str, Any]]:
    """Return the resources of a kind."""
    found = [entry["resource"] for entry in bundle_of(report)["entry"]]
    return [one for one in found if one["resourceType"] == kind]


def code(value: dict[str, Any]) -> str:
    """Return the code of a CodeableConcept."""
    return str(value["coding"][0]["code"])


@pytest.mark.parametrize("report", [scored, refused])
def test_the_bundle_is_valid(report: Any) -> None:
    """Each resource fits its definition, and each reference inside the bundle has its target there."""
    content = bundle_of(report())
    bundle.Bundle.model_validate(content)
    urls = [entry["fullUrl"] for entry in content["entry"]]
    assert len(set(urls)) == len(urls)
    assert all(url.startswith("urn:uuid:") for url in urls)  # servers replace these in references; urn:oid not all
    assert set(_references(content)) <= {*urls, "#site"}


def _references(content: Any) -> list[str]:
    if isinstance(content, list):
        return [found for item in content for found in _references(item)]
    if not isinstance(content, dict):
        return []
    own = [content["reference"]] if isinstance(content.get("reference"), str) else []
    return own + [found for value in content.values() for found in _references(value)]


def test_values_are_those_of_the_report() -> None:
    """Score, threshold, volume with units; the verdict as a code; tumour and ring with their segments."""
    observations = resources(scored(), "Observation")
    numbers = {code(one["code"]): one["valueQuantity"] for one in observations if "valueQuantity" in one}
    assert {one["value"] for one in numbers.values()} >= {0.731, 0.412, 0.4, 0.61}
    assert numbers["118565006"]["system"] == "http://unitsofmeasure.org"
    groups = [one for one in observations if code(one["code"]) == "125007"]
    assert [len(one.get("hasMember", [])) for one in groups] == [8, 1]
    sides = [code(one["contained"][0]["includedStructure"][0]["laterality"]) for one in groups]
    assert sides == ["7771000", "7771000"]
    assert [one["instance"][0]["subset"] for one in resources(scored(), "ImagingSelection")] == [["1"], ["2"]]
    verdicts = [code(one["valueCodeableConcept"]) for one in observations if "category" in one]
    assert verdicts[0] == "uncertain"


def test_the_report_says_the_verdict_first_and_is_unverified() -> None:
    """The conclusion is the first sentence of the DICOM report, with its notice; its time has the images' zone."""
    [document] = resources(scored(), "DiagnosticReport")
    assert document["conclusion"].startswith("UNCERTAIN, tends to HOT")
    assert "not for clinical use" in document["conclusion"]
    assert document["status"] == "preliminary"
    assert document["issued"] == "2024-03-01T10:15:00+01:00"
    assert document["basedOn"][0]["identifier"]["value"] == "A1"


def test_a_refusal_has_its_reason() -> None:
    """A case that was not scored has no number."""
    observations = resources(refused(), "Observation")
    assert "ns-other-phase" in [code(one["valueCodeableConcept"]) for one in observations]
    assert not [one for one in observations if "valueQuantity" in one]


def test_of_the_patient_only_the_id_is_in_the_bundle() -> None:
    """Name and birth date stay in the DICOM objects."""
    text = str(bundle_of(scored()))
    assert "'value': 'P1'" in text
    assert "HOSPITAL" in text
    assert "Doe" not in text
    assert not re.search("1970-?02-?03", text)  # the year alone may be a part of a UID


def test_the_same_report_gives_the_same_bundle() -> None:
    """A repeated delivery names the same identifiers, by which the server knows what it has."""
    assert bundle_of(scored()) == bundle_of(scored())
