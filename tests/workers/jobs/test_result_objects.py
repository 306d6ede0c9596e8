"""All results of a case together."""

import struct
from dataclasses import replace
from io import BytesIO

import pytest
from pydicom import Dataset, dcmread, dcmwrite
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, SegmentationStorage

from support.result_cases import SIGNATURE, make_case, rejected
from workers.errors import Reason
from workers.jobs import result_objects as results
from workers.jobs.result_objects import build_results
from workers.results.common_modules import ResultVersion
from workers.results.instance_reference import InstanceReference
from workers.results.result_roles import ResultRole
from workers.stages import Stage, StageSeconds


def file_of(instance: Dataset) -> bytes:
    """Return the bytes of the file."""
    buffer = BytesIO()
    dcmwrite(buffer, instance, enforce_file_format=True)
    return buffer.getvalue()


def test_the_same_inputs_give_the_same_bytes_on_another_day(monkeypatch: pytest.MonkeyPatch) -> None:
    """No clock and no random number: a retry makes the same objects, whenever it comes."""
    case = make_case()
    first = {
        role: file_of(instance)
        for role, instance in build_results(case.result, case.seg_header, case.measurement).items()
    }
    import datetime

    class Tomorrow(datetime.datetime):
        """A clock that is a day ahead."""

        @classmethod
        def now(cls, tz: datetime.tzinfo | None = None) -> "Tomorrow":
            """Return this time tomorrow."""
            return super().now(tz) + datetime.timedelta(days=1)  # type: ignore[return-value]

    monkeypatch.setattr(datetime, "datetime", Tomorrow)
    again = make_case()
    second = build_results(again.result, again.seg_header, again.measurement)
    assert {role: file_of(instance) for role, instance in second.items()} == first


def test_every_result_has_a_series_of_its_own_in_the_source_study() -> None:
    """Viewers show one object per series; the report belongs beside its images."""
    case = make_case()
    objects = build_results(case.result, case.seg_header, case.measurement)
    assert list(objects) == list(ResultRole)
    assert {instance.StudyInstanceUID for instance in objects.values()} == {"1.2.3.1000"}
    for attribute in ("SeriesInstanceUID", "SOPInstanceUID", "SeriesNumber", "SeriesDescription"):
        assert len({instance[attribute].value for instance in objects.values()}) == 4


def test_every_result_names_program_and_signature() -> None:
    """Equipment, and the signature as contributing equipment with a Device UID that changes with it."""
    case = make_case()
    for instance in build_results(case.result, case.seg_header, case.measurement).values():
        assert (instance.Manufacturer, instance.ManufacturerModelName) == ("radtme", "radtme")
        assert instance.SoftwareVersions
        equipment = instance.ContributingEquipmentSequence[0]
        assert (equipment.ManufacturerModelName, equipment.SoftwareVersions[0]) == (SIGNATURE.id, SIGNATURE.version)
        device = equipment.DeviceUID
    other = replace(case.result, signature=replace(SIGNATURE, digest="00" * 32))
    summary = build_results(other, case.seg_header, case.measurement)[ResultRole.SUMMARY_REPORT]
    assert summary.ContributingEquipmentSequence[0].DeviceUID != device


def test_versions_are_told_apart() -> None:
    """A second result of an outline never overwrites the first one."""
    case = make_case()
    first = build_results(case.result, case.seg_header, case.measurement)
    second = build_results(case.result, case.seg_header, case.measurement, version=ResultVersion(2))
    assert not {i.SeriesNumber for i in first.values()} & {i.SeriesNumber for i in second.values()}


def test_stages_are_timed() -> None:
    """The operator sees where the time goes."""
    case, timer = make_case(), StageSeconds()
    build_results(case.result, case.seg_header, case.measurement, timer=timer)
    assert set(timer.seconds) == {Stage.SEGMENTATION, Stage.KEY_IMAGE, Stage.REPORTS}


def test_an_image_header_gives_patient_and_study_to_a_rejected_case() -> None:
    """Even where nothing could be measured."""
    case = make_case(image_extra={"AccessionNumber": "A9", "PatientName": "Doe^Jane"})
    objects = build_results(rejected(Reason.MISSING_SLICES), case.seg_header, None, case.headers[:1])
    summary = objects[ResultRole.SUMMARY_REPORT]
    assert (summary.AccessionNumber, str(summary.PatientName)) == ("A9", "Doe^Jane")
    assert results.ResultRole.SEGMENTATION not in objects


def test_the_institution_is_named_where_it_is_known() -> None:
    """From the settings, not guessed."""
    case = make_case()
    for name in ("", "St. Elsewhere"):
        objects = build_results(case.result, case.seg_header, case.measurement, institution_name=name)
        assert {instance.get("InstitutionName", "") for instance in objects.values()} == {name}


OUTLINE = InstanceReference("1.2.3.1000", "1.2.3.1003", SegmentationStorage, "1.2.3.500")


@pytest.mark.parametrize("with_images", [True, False])
def test_a_damaged_outline_is_reported_on(with_images: bool) -> None:
    """A file that was cut says nothing of itself; the job knows its UIDs, and the report is the same as always."""
    case = make_case()
    headers = case.headers[:1] if with_images else ()
    result = rejected(Reason.UNREADABLE_OBJECT)
    whole = build_results(result, case.seg_header, None, headers)[ResultRole.SUMMARY_REPORT]
    cut = build_results(result, Dataset(), None, headers, outline=OUTLINE)[ResultRole.SUMMARY_REPORT]
    for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"):
        assert cut[keyword] == whole[keyword]
    assert cut.CurrentRequestedProcedureEvidenceSequence == whole.CurrentRequestedProcedureEvidenceSequence
    assert file_of(cut)


@pytest.mark.parametrize("with_images", [True, False])
@pytest.mark.parametrize("length", [140, 200, 300, 420, 500, 600, 800, 1000])
def test_an_outline_truncated_anywhere_gets_a_report(length: int, with_images: bool) -> None:
    """Whatever is left of the header."""
    case = make_case(seg_extra={"PatientName": "Doe^Jane", "Modality": "SEG", "StudyDate": "20240301"})
    case.seg_header.file_meta = FileMetaDataset()
    case.seg_header.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    content = file_of(case.seg_header)[:length]
    try:
        header = dcmread(BytesIO(content), stop_before_pixels=True, force=True)
    except (EOFError, struct.error):
        header = Dataset()
    result = rejected(Reason.UNREADABLE_OBJECT)
    images = case.headers[:1] if with_images else ()
    objects = build_results(result, header, None, images, outline=OUTLINE)
    assert objects[ResultRole.SUMMARY_REPORT].StudyInstanceUID == OUTLINE.study_uid
    assert file_of(objects[ResultRole.SUMMARY_REPORT])


def test_a_damaged_image_is_left_out() -> None:
    """The report refers to no image that does not say which one it is."""
    case = make_case()
    damaged = Dataset()
    damaged.PatientID = "P1"
    objects = build_results(rejected(Reason.UNREADABLE_OBJECT), case.seg_header, None, [damaged])
    study = objects[ResultRole.SUMMARY_REPORT].CurrentRequestedProcedureEvidenceSequence[0]
    referenced = {series.SeriesInstanceUID for series in study.ReferencedSeriesSequence}
    assert referenced == {"1.2.3.1003", objects[ResultRole.KEY_IMAGE].SeriesInstanceUID}
