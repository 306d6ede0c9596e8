"""Results checked by foreign programs: dicom3tools, dcmtk, PixelMed's validator of SR templates."""

import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pydicom import Dataset, dcmread, dcmwrite
from pydicom.uid import ComprehensiveSRStorage, EnhancedSRStorage

from model_store.signatures.profile import HAN2024
from support.result_cases import SIGNATURE, ResultCase, make_case, rejected
from workers.errors import Reason
from workers.features.measurement import measure
from workers.jobs.result_objects import build_results
from workers.reports.measurement_report import as_sop_class
from workers.results.common_modules import ResultVersion
from workers.results.instance_reference import InstanceReference
from workers.results.result_roles import ResultRole
from workers.scoring.case_result import CaseResult, Score

pytestmark = pytest.mark.acceptance
PIXELMED, SAXON = Path("/usr/share/java/pixelmed.jar"), Path("/usr/share/java/Saxon-HE.jar")
EXPECTED = re.compile(
    r"Unrecognized defined term = <(99RADTME|2\.25\.\d+)>|ContributingEquipmentSequence.*DeviceUID"
    r"|needed to build DICOMDIR|Laterality.*only permitted to be empty when actually unknown"
    r"|</PatientName\(0010,0010\)\[1\]> .* Retired Person Name form"
)
"""Warnings of dciodvfy that stay: it knows no private coding scheme, and in 2022 not the Device UID of IHE AI Results;
what images do not state, their results cannot, and the patient's name is written as the images have it."""
REPORTS = (ResultRole.FEATURE_REPORT, ResultRole.SUMMARY_REPORT)


def said(program: str, *arguments: object) -> str:
    """Return what a program prints; skips where it is not installed."""
    if shutil.which(program) is None:
        pytest.skip(f"needs {program} (see deploy/debian-packages)")
    done = subprocess.run([program, *map(str, arguments)], capture_output=True, check=False)
    return (done.stdout + done.stderr).decode("utf-8", "replace")


def errors(text: str) -> list[str]:
    """Return the lines that speak of an error."""
    return [line for line in text.splitlines() if re.match(r"Error|Abort|E:|F:", line)]


def write(objects: Mapping[ResultRole, Dataset], folder: Path) -> dict[ResultRole, Path]:
    """Write results as the worker does."""
    paths = {role: folder / f"{role.value}.dcm" for role in objects}
    for role, instance in objects.items():
        dcmwrite(paths[role], instance, enforce_file_format=True)
    return paths


def check(paths: Mapping[ResultRole, Path]) -> None:
    """Let dciodvfy read each object, and dsrdump each report."""
    for role, path in paths.items():
        judged = said("dciodvfy", "-new", path)
        assert errors(judged) == [], role
        assert [line for line in judged.splitlines() if "Warning" in line and not EXPECTED.search(line)] == [], role
        if role in REPORTS:
            dumped = said("dsrdump", path)
            assert errors(dumped) == [], role
            assert "Dynamic Contrast MR Measurement Report" in dumped


def cases() -> dict[str, tuple[ResultCase, CaseResult | None, bool]]:
    """Return sources of all kinds: case, another result than its own, whether anything was measured."""
    breast = {"BodyPartExamined": "BREAST", "Laterality": "L", "PatientName": "Doe^Jane", "PatientSex": "F"}
    phases = {"TemporalPositionIdentifier": 2, "NumberOfTemporalPositions": 3, "StudyDate": "20240301"}
    plain = make_case()
    return {
        "de-identified to the bone": (plain, None, True),
        "breast, several phases in one series": (make_case(image_extra=breast | phases), None, True),
        "Enhanced MR": (make_case(enhanced=True), None, True),
        "Japanese": (
            make_case(image_extra={"SpecificCharacterSet": "ISO_IR 192", "PatientName": "山田^太郎"}),
            None,
            True,
        ),
        "not scored, nothing measured": (plain, rejected(Reason.MISSING_INSTANCES), False),
        "no signature": (plain, rejected(Reason.SIGNATURE_UNUSABLE, plain.measurement.regions, signed=False), True),
        "ring only geometric": (plain, rejected(Reason.RING_TOO_SMALL, plain.measurement.regions), True),
    }


@pytest.mark.parametrize("name", cases())
def test_dciodvfy_and_dsrdump_find_no_error(name: str, tmp_path: Path) -> None:
    """Every object of every kind of case is valid for its IOD."""
    case, result, measured = cases()[name]
    measurement = case.measurement if measured else None
    paths = write(build_results(result or case.result, case.seg_header, measurement, case.headers[:1]), tmp_path)
    check(paths)
    assert errors(said("dcentvfy", *paths.values())) == []


def test_a_second_version_is_valid(tmp_path: Path) -> None:
    """With the reference to the report that it replaces."""
    case = make_case()
    first = build_results(case.result, case.seg_header, case.measurement)
    version = ResultVersion(2, {role: InstanceReference.of(instance) for role, instance in first.items()})
    check(write(build_results(case.result, case.seg_header, case.measurement, version=version), tmp_path))


@pytest.mark.parametrize("sop_class", [ComprehensiveSRStorage, EnhancedSRStorage], ids=["comprehensive", "enhanced"])
def test_older_report_classes_are_valid(sop_class: str, tmp_path: Path) -> None:
    """What is sent to an archive that does not know Comprehensive 3D SR."""
    case = make_case()
    objects = build_results(case.result, case.seg_header, case.measurement)
    paths = write({role: as_sop_class(objects[role], sop_class) for role in REPORTS}, tmp_path)
    check(paths)
    assert {str(dcmread(path).SOPClassUID) for path in paths.values()} == {sop_class}


def test_pixelmed_finds_the_template(tmp_path: Path) -> None:
    """TID 1500 and what it includes, with every feature.

    The XSLT processor of the JDK reads the context groups anew for each content item and keeps every copy; Saxon reads
    them once.
    """
    if not PIXELMED.exists() or not SAXON.exists():
        pytest.skip("needs libpixelmed-java and libsaxonhe-java (see TEST_PACKAGES in the Makefile)")
    case = make_case()
    paths = write(build_results(case.result, case.seg_header, case.measurement), tmp_path)
    processor = "-Djavax.xml.transform.TransformerFactory=net.sf.saxon.TransformerFactoryImpl"
    classes = f"{SAXON}:{PIXELMED}:{PIXELMED.parent}/*"
    validator = ["-Djava.awt.headless=true", processor, "-cp", classes, "com.pixelmed.validate.DicomSRValidator"]
    for role in REPORTS:
        printed = said("java", *validator, paths[role])
        assert "IOD validation complete" in printed
        assert errors(printed) == []


def test_br06_lies_where_the_tumour_is(br06: Path, tmp_path: Path) -> None:
    """Real MR and a real outline: entities agree, and centroid and volume are those of the input."""
    seg_path = br06 / "tumour_seg" / "seg.dcm"
    images = sorted((br06 / "dce").glob("*.dcm"))
    measurement = measure(images, seg_path, HAN2024)
    result = CaseResult(Score(0.7, 0.4, 0.5, ()), None, measurement.regions, measurement.notes, SIGNATURE)
    outline = dcmread(seg_path)
    paths = write(build_results(result, outline, measurement), tmp_path)
    check(paths)
    assert errors(said("dcentvfy", *paths.values(), seg_path, *images)) == []
    sent, received = (places(dcmread(path)) for path in (paths[ResultRole.SEGMENTATION], seg_path))
    assert len(sent) == len(received) == 36143
    np.testing.assert_allclose(sent.mean(axis=0), received.mean(axis=0), atol=1e-3)


def places(seg: Dataset) -> np.ndarray:
    """Return the patient coordinates of the first segment's voxels, by the geometry of the frames alone."""
    shared = seg.SharedFunctionalGroupsSequence[0]
    orientation = [float(v) for v in shared.PlaneOrientationSequence[0].ImageOrientationPatient]
    between_rows, between_columns = (float(v) for v in shared.PixelMeasuresSequence[0].PixelSpacing)
    along_row, along_column = np.array(orientation[:3]) * between_columns, np.array(orientation[3:]) * between_rows
    found = []
    for group, plane in zip(seg.PerFrameFunctionalGroupsSequence, seg.pixel_array, strict=True):
        identification = group.get("SegmentIdentificationSequence") or shared.SegmentIdentificationSequence
        if identification[0].ReferencedSegmentNumber == 1:
            rows, columns = np.nonzero(plane)
            start = np.array([float(v) for v in group.PlanePositionSequence[0].ImagePositionPatient])
            found.append(start + np.outer(columns, along_row) + np.outer(rows, along_column))
    return np.concatenate(found)


def test_a_real_enhanced_mr_is_a_valid_source(shared_data: Path, tmp_path: Path) -> None:
    """Philips Enhanced MR: each frame of the segmentation names the frame that it lies on."""
    source = shared_data / "enhanced_mr" / "philips_ingenia_pcasl" / "enh" / "1901_WIP_3DpCASL_real.dcm"
    header = dcmread(source, stop_before_pixels=True)
    case = make_case()
    volume = case.measurement.volume
    groups = list(header.PerFrameFunctionalGroupsSequence)
    normal_order = sorted(
        range(len(groups)), key=lambda n: float(groups[n].PlanePositionSequence[0].ImagePositionPatient[2])
    )
    frames = tuple(type(volume.frames[0])(str(header.SOPInstanceUID), number + 1) for number in normal_order)
    shape = (len(frames), int(header.Rows), int(header.Columns))
    tumour, ring = np.zeros(shape, dtype=bool), np.zeros(shape, dtype=bool)
    tumour[10:15, 30:45, 40:50], ring[9:16, 28:47, 38:52] = True, True
    pixels = np.random.default_rng(1).integers(0, 900, shape)
    measurement = replace(
        case.measurement,
        tumour=tumour,
        ring=ring,
        volume=replace(
            volume,
            headers=(header,),
            frames=frames,
            array=pixels,
            frame_of_reference_uid=str(header.FrameOfReferenceUID),
        ),
    )
    outline = case.seg_header
    for keyword in ("StudyInstanceUID", "FrameOfReferenceUID", "PatientID"):
        setattr(outline, keyword, header[keyword].value)
    paths = write(build_results(case.result, outline, measurement), tmp_path)
    check(paths)
    assert errors(said("dcentvfy", *paths.values(), source)) == []
    seg = dcmread(paths[ResultRole.SEGMENTATION])
    for group in seg.PerFrameFunctionalGroupsSequence:
        number = group.DerivationImageSequence[0].SourceImageSequence[0].ReferencedFrameNumber
        there = groups[number - 1].PlanePositionSequence[0].ImagePositionPatient
        assert there == group.PlanePositionSequence[0].ImagePositionPatient


def test_a_report_without_notice_and_one_of_a_damaged_outline_are_valid(tmp_path: Path) -> None:
    """What is left out leaves no empty element behind."""
    case = make_case()
    signature = replace(SIGNATURE, research_notice="")
    check(write(build_results(replace(case.result, signature=signature), case.seg_header, case.measurement), tmp_path))
    damaged = InstanceReference.of(case.seg_header)
    for headers in ((), case.headers[:1]):
        result = rejected(Reason.UNREADABLE_OBJECT)
        check(write(build_results(result, Dataset(), None, headers, outline=damaged), tmp_path))
