"""Results of sources whose headers break DICOM's rules, read by dciodvfy."""

import random
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from pydicom import Dataset

from support.odd_headers import odd_value, perturbed, read_back
from support.result_cases import FEATURE_NAMES, make_case
from workers.jobs.case import Case
from workers.jobs.readable_case import readable_case
from workers.jobs.result_objects import build_results
from workers.results.common_modules import SCANNER
from workers.results.encoding import encoded_file
from workers.results.patient_study import COPIED, VETERINARY, patient_and_study
from workers.results.result_roles import ResultRole
from workers.results.valid_attributes import KEPT_AS_RECEIVED

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="needs dicom3tools"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]
STUDY = (*(keyword for keyword in COPIED if keyword not in KEPT_AS_RECEIVED), *VETERINARY)
"""An archive files objects by the others, so results have them as they are."""
OF_IMAGES = (
    *STUDY,
    *SCANNER,
    *("BodyPartExamined", "Laterality", "ImageLaterality", "AnatomicRegionSequence"),
    *("SeriesDescription", "SeriesNumber", "SeriesDate", "SeriesTime", "ContentTime", "AcquisitionTime"),
    *("RequestAttributesSequence", "RequestedProcedureID"),
)
OF_OUTLINE = (
    *STUDY,
    "ContentDate",
    "ContentTime",
    "SeriesDate",
    "SeriesTime",
    "SeriesDescription",
    "ContentCreatorName",
)
OF_SEGMENT = (
    *(
        "SegmentLabel",
        "SegmentDescription",
        "SegmentAlgorithmType",
        "SegmentAlgorithmName",
        "TrackingID",
        "TrackingUID",
    ),
    *("SegmentedPropertyCategoryCodeSequence", "SegmentedPropertyTypeCodeSequence", "AnatomicRegionSequence"),
)


def results_of(seed: int) -> dict[ResultRole, Dataset]:
    """Return the results of a case whose headers are perturbed."""
    rng = random.Random(seed)
    case = make_case(features=FEATURE_NAMES[:6])
    image = perturbed(case.headers[0], OF_IMAGES, rng)
    outline = perturbed(case.seg_header, OF_OUTLINE, rng)
    segment = outline.SegmentSequence[0]
    for keyword in rng.sample(OF_SEGMENT, 4):
        segment.pop(keyword, None)
        if rng.randrange(2):
            setattr(segment, keyword, odd_value(keyword, rng))
    outline = read_back(outline)
    volume = replace(case.measurement.volume, headers=(image, *case.headers[1:]))
    measured = replace(case.measurement, volume=volume, tumour_segment=outline.SegmentSequence[0])
    read, outline, headers = readable_case(Case(case.result, measured), outline, volume.headers, "")
    return build_results(read.result, outline, read.measurement, headers)


@pytest.mark.parametrize("seed", range(24))
def test_results_are_valid_whatever_the_headers_hold(seed: int, tmp_path: Path) -> None:
    """An attribute that breaks a rule is left out; an archive that checks objects takes every result."""
    for role, instance in results_of(seed).items():
        path = tmp_path / f"{role}.dcm"
        path.write_bytes(encoded_file(instance))
        done = subprocess.run(["dciodvfy", "-new", path], capture_output=True, check=False)
        lines = (done.stdout + done.stderr).decode("latin-1").splitlines()
        assert [line for line in lines if line.startswith(("Error", "Abort"))] == [], role


def test_what_is_valid_is_copied_and_what_identifies_the_study_stays() -> None:
    """Only the wrong values go: a Type 2 attribute becomes empty, a Type 3 one absent; identifiers stay as they are."""
    header = Dataset()
    header.PatientID, header.AccessionNumber = "tab\tstop", "longer than sixteen characters"
    header.PatientSex, header.PatientBirthDate, header.PatientAge = "F", "19700230", "054Y"
    header.StudyDescription, header.ClinicalTrialProtocolID = "MR breast", "P7"
    found = patient_and_study([header])
    assert (found.PatientID, found.AccessionNumber) == (header.PatientID, header.AccessionNumber)
    assert (found.PatientSex, found.PatientAge, found.StudyDescription) == ("F", "054Y", "MR breast")
    assert not found.PatientBirthDate
    assert "ClinicalTrialProtocolID" not in found


def test_a_number_with_a_comma_ends_no_case() -> None:
    """A Patient's Size of 1,70 cannot be read as a number: it is left out."""
    header = Dataset()
    header.PatientID = "P1"
    header.add_new("PatientSize", "LO", "1,70")
    assert "PatientSize" not in patient_and_study([read_back(header)])
