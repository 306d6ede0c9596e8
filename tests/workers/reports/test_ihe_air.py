"""IHE AI Results (AIR), Evidence Creator: the content of the objects, as ``docs/ihe-air.md`` lists it."""

from collections.abc import Iterator
from typing import Any

import pytest
from pydicom import Dataset
from pydicom.uid import Comprehensive3DSRStorage, SegmentationStorage

from support.result_cases import FEATURE_NAMES, SIGNATURE, ResultCase, make_case, rejected
from workers.errors import Reason
from workers.features.regions import Region
from workers.jobs.result_objects import build_results
from workers.reports.content_items import descendants
from workers.results.result_roles import ResultRole

REPORTS = (ResultRole.SUMMARY_REPORT, ResultRole.FEATURE_REPORT)
LEFT_BREAST = {"BodyPartExamined": "BREAST", "Laterality": "L"}


def results(**extra: Any) -> dict[ResultRole, Dataset]:
    """Return the results of a case with few features."""
    return built(make_case(features=FEATURE_NAMES[:5], **extra))


def built(case: ResultCase) -> dict[ResultRole, Dataset]:
    """Return the results of a case."""
    return build_results(case.result, case.seg_header, case.measurement)


def concept(item: Dataset) -> str:
    """Return the code of a content item's name."""
    return str(item.ConceptNameCodeSequence[0].CodeValue)


def code(item: Dataset) -> str:
    """Return the code of a coded finding."""
    return str(item.ConceptCodeSequence[0].CodeValue)


def named(parent: Dataset, value: str) -> list[Dataset]:
    """Return the children with this concept name."""
    return [item for item in parent.ContentSequence if concept(item) == value]


def groups(report: Dataset) -> list[Dataset]:
    """Return the measurement groups."""
    return [item for item in descendants(report) if item.ValueType == "CONTAINER" and concept(item) == "125007"]


def tree_references(report: Dataset) -> set[str]:
    """Return the SOP Instance UIDs that the content tree refers to."""
    return {
        str(item.ReferencedSOPSequence[0].ReferencedSOPInstanceUID)
        for item in descendants(report)
        if item.ValueType in ("IMAGE", "COMPOSITE")
    }


def evidence(report: Dataset) -> Iterator[str]:
    """Yield the SOP Instance UIDs of the evidence."""
    for study in report.CurrentRequestedProcedureEvidenceSequence:
        for series in study.ReferencedSeriesSequence:
            yield from (str(item.ReferencedSOPInstanceUID) for item in series.ReferencedSOPSequence)


def test_the_summary_is_the_root_result() -> None:
    """Comprehensive 3D SR of TID 1500, which refers to every other result and to the outline, and is sent last."""
    objects = results()
    assert list(objects)[-1] is ResultRole.SUMMARY_REPORT
    root = objects[ResultRole.SUMMARY_REPORT]
    assert root.SOPClassUID == Comprehensive3DSRStorage
    assert root.ContentTemplateSequence[0].TemplateIdentifier == "1500"
    others = {
        str(instance.SOPInstanceUID) for role, instance in objects.items() if role is not ResultRole.SUMMARY_REPORT
    }
    assert tree_references(root) == {*others, "1.2.3.500"}


@pytest.mark.parametrize("role", REPORTS)
def test_the_tree_refers_to_nothing_outside_the_evidence(role: ResultRole) -> None:
    """Current Requested Procedure Evidence Sequence (PS3.3 C.17.2.3) holds all that is referenced, each once."""
    report = results()[role]
    held = list(evidence(report))
    assert tree_references(report) <= set(held)
    assert len(held) == len(set(held))


@pytest.mark.parametrize("role", REPORTS)
def test_the_evidence_lists_every_measured_image(role: ResultRole) -> None:
    """Also those that no content item refers to."""
    case = make_case(features=FEATURE_NAMES[:5])
    assert {str(header.SOPInstanceUID) for header in case.headers} <= set(evidence(built(case)[role]))


def test_the_root_of_a_refused_case_refers_to_its_key_image() -> None:
    """The only other result of a case in which nothing was measured."""
    case = make_case()
    objects = build_results(rejected(Reason.BEFORE_CONTRAST), case.seg_header, None, case.headers)
    assert list(objects) == [ResultRole.KEY_IMAGE, ResultRole.SUMMARY_REPORT]
    root, image = objects[ResultRole.SUMMARY_REPORT], str(objects[ResultRole.KEY_IMAGE].SOPInstanceUID)
    assert tree_references(root) == {image, "1.2.3.500"}
    assert tree_references(root) <= set(evidence(root))


def test_regions_are_binary_segments_on_the_grid_of_the_images() -> None:
    """One segment for each region, with the matrix and the frame of reference of the images."""
    case = make_case(features=FEATURE_NAMES[:5])
    segmentation = built(case)[ResultRole.SEGMENTATION]
    assert (segmentation.SOPClassUID, segmentation.SegmentationType) == (SegmentationStorage, "BINARY")
    assert len(segmentation.SegmentSequence) == len(Region)
    assert (segmentation.Rows, segmentation.Columns) == case.measurement.volume.array.shape[1:]
    assert segmentation.FrameOfReferenceUID == case.headers[0].FrameOfReferenceUID


@pytest.mark.parametrize(("role", "times"), [(ResultRole.SUMMARY_REPORT, 1), (ResultRole.FEATURE_REPORT, 2)])
def test_the_algorithm_is_identified(role: ResultRole, times: int) -> None:
    """TID 4019, at the score and in each group of features: name, version, parameter, manufacturer and family."""
    items = list(descendants(results()[role]))
    texts = {"111001": SIGNATURE.id, "111003": SIGNATURE.version, "122405": "radtme"}
    for value, expected in texts.items():
        assert [item.TextValue for item in items if concept(item) == value] == [expected] * times
    parameters = [item.TextValue for item in items if concept(item) == "111002"]
    assert len(parameters) == times
    assert all(SIGNATURE.profile in text and SIGNATURE.digest in text for text in parameters)
    assert [code(item) for item in items if concept(item) == "111000"] == ["123110"] * times


@pytest.mark.parametrize("role", REPORTS)
def test_groups_are_bound_to_their_region(role: ResultRole) -> None:
    """TID 1411 with Referenced Segment and the series of its images; tracking UIDs are those of the segmentation."""
    objects = results()
    segmentation = objects[ResultRole.SEGMENTATION]
    segments = {int(one.SegmentNumber): str(one.TrackingUID) for one in segmentation.SegmentSequence}
    found = groups(objects[role])
    assert len(found) == len(Region)
    for group in found:
        assert group.ContentTemplateSequence[0].TemplateIdentifier == "1411"
        (segment,) = named(group, "121191")
        reference = segment.ReferencedSOPSequence[0]
        assert reference.ReferencedSOPInstanceUID == segmentation.SOPInstanceUID
        assert [item.UID for item in named(group, "112040")] == [segments[int(reference.ReferencedSegmentNumber)]]
        assert [item.UID for item in named(group, "121232")] == ["1.2.3.1001"]


@pytest.mark.parametrize("role", REPORTS)
def test_finding_site_and_side_are_coded_from_the_images(role: ResultRole) -> None:
    """Finding, Finding Site (breast) with its Laterality as a modifier."""
    found = groups(results(image_extra=LEFT_BREAST)[role])
    assert [code(named(group, "121071")[0]) for group in found] == ["108369006", "peritumour-ring"]
    for group in found:
        (site,) = named(group, "363698007")
        assert code(site) == "76752008"
        assert [code(item) for item in named(site, "272741003")] == ["7771000"]


@pytest.mark.parametrize(
    ("image", "segment", "expected"),
    [
        ("R", None, "24028007"),
        ("B", "7771000", "7771000"),
        (None, "24028007", "24028007"),
        ("L", "24028007", None),
        (None, None, None),
    ],
)
def test_the_side_is_never_guessed(image: str | None, segment: str | None, expected: str | None) -> None:
    """From images or outline; with images of both breasts, from the outline; a contradiction gives none."""

    def with_side(item: Dataset) -> None:
        if segment is not None:
            region, modifier = Dataset(), Dataset()
            region.CodeValue, region.CodingSchemeDesignator, region.CodeMeaning = "76752008", "SCT", "Breast"
            modifier.CodeValue, modifier.CodingSchemeDesignator, modifier.CodeMeaning = segment, "SCT", "side"
            region.AnatomicRegionModifierSequence = [modifier]
            item.AnatomicRegionSequence = [region]

    extra = {"BodyPartExamined": "BREAST"} | ({"Laterality": image} if image else {})
    report = results(image_extra=extra, change_segment=with_side)[ResultRole.SUMMARY_REPORT]
    (site,) = named(groups(report)[0], "363698007")
    found = [code(item) for item in site.get("ContentSequence", [])]
    assert found == ([expected] if expected else [])


def test_the_qualitative_finding_is_coded() -> None:
    """The verdict, and the reason of a case that is not scored."""
    group = groups(results()[ResultRole.SUMMARY_REPORT])[0]
    assert [code(item) for item in named(group, "immune-phenotype")] == ["hot"]
    case = make_case()
    refused = build_results(rejected(Reason.EMPTY_SEGMENTATION), case.seg_header, None)[ResultRole.SUMMARY_REPORT]
    (group,) = groups(refused)
    assert group.ContentTemplateSequence[0].TemplateIdentifier == "1501"
    assert [code(item) for item in named(group, "not-scored-why")] == ["ns-empty-seg"]


def test_procedure_and_request_are_those_of_the_images() -> None:
    """Procedure Reported and Referenced Request Sequence; the generic procedure of CID 100 where images name none."""
    procedure = Dataset()
    procedure.CodeValue, procedure.CodingSchemeDesignator, procedure.CodeMeaning = "24590-2", "LN", "MR Breast"
    attributes = Dataset()
    attributes.RequestedProcedureID = "RP7"
    extra = {
        "ProcedureCodeSequence": [procedure],
        "AccessionNumber": "A123",
        "RequestAttributesSequence": [attributes],
    }
    for role in REPORTS:
        report = results(image_extra=extra)[role]
        assert [code(item) for item in named(report, "121058")] == ["24590-2"]
        (request,) = report.ReferencedRequestSequence
        assert (request.AccessionNumber, request.RequestedProcedureID) == ("A123", "RP7")
        assert request.StudyInstanceUID == report.StudyInstanceUID
        bare = results()[role]
        assert [code(item) for item in named(bare, "121058")] == ["126020"]
        assert "ReferencedRequestSequence" not in bare


def test_contributing_equipment_has_its_purpose() -> None:
    """The scanner as acquisition equipment, the signature as processing equipment with a Device UID of its own."""
    scanner = {"Manufacturer": "Scanners Ltd", "ManufacturerModelName": "MR 3000", "SoftwareVersions": "7"}
    for instance in results(image_extra=scanner).values():
        acquired, processed = instance.ContributingEquipmentSequence
        assert acquired.PurposeOfReferenceCodeSequence[0].CodeValue == "109101"
        assert (acquired.Manufacturer, acquired.ManufacturerModelName) == ("Scanners Ltd", "MR 3000")
        assert processed.PurposeOfReferenceCodeSequence[0].CodeValue == "109102"
        assert processed.DeviceUID
    for instance in results().values():
        assert [item.ManufacturerModelName for item in instance.ContributingEquipmentSequence] == ["phantom-hot-cold"]
