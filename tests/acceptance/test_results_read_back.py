"""Results read back by other toolkits: highdicom, dcmqi, pydicom. What they find is what was measured."""

import json
import subprocess
import sys
from io import BytesIO
from pathlib import Path

import highdicom
import numpy as np
import pytest
import SimpleITK as sitk
from pydicom import dcmread, dcmwrite

from support.result_cases import FEATURE_NAMES, SPACING_MM, make_case
from workers.features.regions import Region
from workers.jobs.result_objects import build_results
from workers.results.feature_codes import feature_concept
from workers.results.result_roles import ResultRole

pytestmark = pytest.mark.acceptance
BREAST = {"BodyPartExamined": "BREAST", "Laterality": "L"}
CASE = make_case(BREAST, features=FEATURE_NAMES[:40])
REPORTS = (ResultRole.SUMMARY_REPORT, ResultRole.FEATURE_REPORT)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> dict[ResultRole, Path]:
    """Return the files of a case's results."""
    folder = tmp_path_factory.mktemp("results")
    paths = {}
    for role, instance in build_results(CASE.result, CASE.seg_header, CASE.measurement).items():
        paths[role] = folder / f"{role.value}.dcm"
        dcmwrite(paths[role], instance, enforce_file_format=True)
    return paths


def dcmqi(program: str, *arguments: object) -> None:
    """Run a program of dcmqi, which its Python package brings."""
    command = [Path(sys.executable).with_name(program), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def segmentation_tracking(written: dict[ResultRole, Path]) -> list[str]:
    """Return the tracking UIDs of the segments."""
    return [str(one.TrackingUID) for one in dcmread(written[ResultRole.SEGMENTATION]).SegmentSequence]


@pytest.mark.parametrize("role", REPORTS)
def test_highdicom_reads_groups_and_values(written: dict[ResultRole, Path], role: ResultRole) -> None:
    """Both groups, by finding and by tracking UID, each with its segment, site and measurements."""
    report = highdicom.sr.srread(written[role])
    groups = report.content.get_volumetric_roi_measurement_groups()
    assert [str(one.tracking_uid) for one in groups] == segmentation_tracking(written)
    assert [one.finding_type.meaning for one in groups] == ["Neoplasm", "Peritumoural ring"]
    for number, (group, region) in enumerate(zip(groups, CASE.measurement.regions, strict=True), 1):
        assert group.reference_type.value == "121191"
        assert group.referenced_segment[0].ReferencedSOPSequence[0].ReferencedSegmentNumber == number
        assert [one.value.meaning for one in group.finding_sites] == ["Breast"]
        assert [one.laterality.meaning for one in group.finding_sites] == ["Left"]
        found = [(one.name.value, one.value) for one in group.get_measurements()]
        if role is ResultRole.FEATURE_REPORT:
            features = [(feature_concept(name).name.value, value) for name, value in region.features.items()]
            assert found[-len(features) :] == features
        else:
            assert ("118565006", pytest.approx(region.volume_ml, abs=0.005)) in found


@pytest.mark.parametrize("role", REPORTS)
def test_dcmqi_reads_groups_and_values(written: dict[ResultRole, Path], role: ResultRole, tmp_path: Path) -> None:
    """tid1500reader: tracking, segment, finding and every measurement under its code, as text of its JSON."""
    output = tmp_path / "report.json"
    dcmqi("tid1500reader", "--inputDICOM", written[role], "--outputMetadata", output)
    groups = json.loads(output.read_text())["Measurements"]
    assert [one["TrackingUniqueIdentifier"] for one in groups] == segmentation_tracking(written)
    assert [int(one["ReferencedSegment"]) for one in groups] == [1, 2]
    assert [one["Finding"]["CodeMeaning"] for one in groups] == ["Neoplasm", "Peritumoural ring"]
    for group, region in zip(groups, CASE.measurement.regions, strict=True):
        found = [(one["quantity"]["CodeValue"], float(one["value"])) for one in group["measurementItems"]]
        if role is ResultRole.FEATURE_REPORT:
            features = [
                (feature_concept(name).name.value, pytest.approx(value, rel=1e-9))
                for name, value in region.features.items()
            ]
            assert found[-len(features) :] == features
        else:
            assert ("118565006", pytest.approx(region.volume_ml, abs=0.005)) in found


def test_dcmqi_reads_the_regions(written: dict[ResultRole, Path], tmp_path: Path) -> None:
    """segimage2itkimage: a volume for each segment, with its voxels, spacing and label."""
    path = written[ResultRole.SEGMENTATION]
    dcmqi("segimage2itkimage", "--inputDICOM", path, "--outputDirectory", tmp_path, "--prefix", "seg", "-t", "nrrd")
    described = json.loads((tmp_path / "seg-meta.json").read_text())["segmentAttributes"]
    assert [one[0]["SegmentLabel"] for one in described] == ["Lesion", "Peritumoural ring 4 mm"]
    for number, region in enumerate(Region, 1):
        image = sitk.ReadImage(str(tmp_path / f"seg-{number}.nrrd"))
        mask = CASE.measurement.tumour if region is Region.TUMOUR else CASE.measurement.ring
        assert np.count_nonzero(sitk.GetArrayFromImage(image)) == mask.sum()
        assert image.GetSpacing() == pytest.approx(SPACING_MM)


@pytest.mark.parametrize("role", ResultRole)
def test_pydicom_writes_what_it_read(written: dict[ResultRole, Path], role: ResultRole) -> None:
    """Byte for byte: nothing in a result depends on how it was written."""
    buffer = BytesIO()
    instance = dcmread(written[role])
    assert list(instance.iterall())  # each value is decoded, so that it is encoded anew
    instance.save_as(buffer, enforce_file_format=True)
    assert buffer.getvalue() == written[role].read_bytes()
