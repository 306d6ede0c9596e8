"""``radtme check``: our results pass, each kind of fault is found, and no object of others makes it fail."""

import json
import random
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from pydicom import DataElement, Dataset, dcmread, dcmwrite
from pydicom.data import get_testdata_file

from deploy.cli import radtme
from deploy.conformance.result_check import check_results
from support.result_cases import FEATURE_NAMES, make_case, rejected
from workers.errors import Reason
from workers.jobs.result_objects import build_results
from workers.reports.content_items import descendants
from workers.results.result_roles import ResultRole

Change = Callable[[Dataset], None]


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder with the results of a case."""
    folder = tmp_path_factory.mktemp("results")
    case = make_case(features=FEATURE_NAMES[:5])
    for role, instance in build_results(case.result, case.seg_header, case.measurement).items():
        dcmwrite(folder / f"{role}.dcm", instance, enforce_file_format=True)
    return folder


def changed(results: Path, folder: Path, role: ResultRole, change: Change) -> set[str]:
    """Return the rules that find something after one object was changed."""
    for path in results.iterdir():
        instance = dcmread(path)
        if path.stem == role:
            change(instance)
        dcmwrite(folder / path.name, instance)
    return {one.rule for one in check_results(sorted(folder.iterdir())).findings}


def item_of(report: Dataset, concept: str) -> Dataset:
    """Return the first content item of this name."""
    return next(one for one in descendants(report) if one.ConceptNameCodeSequence[0].CodeValue == concept)


def test_our_results_pass(results: Path) -> None:
    """No error and no warning, with JSON for programs."""
    done = CliRunner().invoke(radtme, ["check", "--strict", "--json", str(results)])
    assert done.exit_code == 0, done.output
    assert json.loads(done.output) == {"results": 4, "sources": 0, "findings": []}


def test_what_is_no_result_is_passed_over(results: Path, tmp_path: Path) -> None:
    """The directory of a medium was judged as a result, a README as DICOM that cannot be read."""
    for path in results.iterdir():
        shutil.copyfile(path, tmp_path / path.stem)
    shutil.copyfile(str(get_testdata_file("DICOMDIR")), tmp_path / "DICOMDIR")
    (tmp_path / "README").write_text("Read me.")
    done = CliRunner().invoke(radtme, ["check", "--json", str(tmp_path)])
    assert json.loads(done.output) == {"results": 4, "sources": 0, "findings": []}


@pytest.mark.parametrize("seed", range(20))
def test_no_damage_raises(results: Path, tmp_path: Path, seed: int) -> None:
    """Elements that are missing, empty, of another kind or overwritten: findings at most, no warning of pydicom."""
    chance = random.Random(seed)
    source = chance.choice(sorted(results.iterdir()))
    instance = dcmread(source)
    for _ in range(3):
        owner = chance.choice([instance, *(item for one in instance.iterall() if one.VR == "SQ" for item in one.value)])
        if tags := list(owner.keys()):
            tag = chance.choice(tags)
            owner[tag] = chance.choice([DataElement(tag, "SQ", []), DataElement(tag, "LO", "x\\y"), owner[tag]])
            if chance.random() < 0.5:
                del owner[tag]
    dcmwrite(tmp_path / "one.dcm", instance)
    content = bytearray((tmp_path / "one.dcm").read_bytes())
    for _ in range(chance.choice([0, 20])):
        content[chance.randrange(132, len(content))] = chance.randrange(256)
    (tmp_path / "one.dcm").write_bytes(content[: chance.choice([len(content), len(content) // 2])])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_results([tmp_path / "one.dcm", source])


def _without_template(report: Dataset) -> None:
    del report.ContentTemplateSequence


def _without_procedure(report: Dataset) -> None:
    report.ContentSequence = [
        one for one in report.ContentSequence if one.ConceptNameCodeSequence[0].CodeValue != "121058"
    ]


def _other_tracking(report: Dataset) -> None:
    item_of(report, "112040").UID = "1.2.3"


def _other_segment(report: Dataset) -> None:
    item_of(report, "121191").ReferencedSOPSequence[0].ReferencedSegmentNumber = 7


def _continuous(report: Dataset) -> None:
    report.ContinuityOfContent = "CONTINUOUS"


def _blank_title(report: Dataset) -> None:
    report.ConceptNameCodeSequence[0].CodeValue = "126000"


def _without_evidence(report: Dataset) -> None:
    del report.CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence[0]


def _dangling(report: Dataset) -> None:
    series = report.CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence[0]
    series.ReferencedSOPSequence[0].ReferencedSOPInstanceUID = "1.2.3.4.5"


def _without_equipment(instance: Dataset) -> None:
    del instance.ContributingEquipmentSequence


def _without_scheme(instance: Dataset) -> None:
    del instance.CodingSchemeIdentificationSequence


def _without_tracking(segmentation: Dataset) -> None:
    del segmentation.SegmentSequence[0].TrackingUID


def _long_code(report: Dataset) -> None:
    item_of(report, "121071").ConceptCodeSequence[0].CodeValue = "1" * 17


def _other_patient(report: Dataset) -> None:
    report.PatientID = "P2"


@pytest.mark.parametrize(
    ("role", "change", "rule"),
    [
        (ResultRole.SUMMARY_REPORT, _without_template, "sr-template"),
        (ResultRole.SUMMARY_REPORT, _without_procedure, "sr-procedure"),
        (ResultRole.FEATURE_REPORT, _other_tracking, "tracking"),
        (ResultRole.FEATURE_REPORT, _other_segment, "segment"),
        (ResultRole.SUMMARY_REPORT, _continuous, "sr-continuity"),
        (ResultRole.SUMMARY_REPORT, _blank_title, "sr-blank"),
        (ResultRole.SUMMARY_REPORT, _without_evidence, "evidence"),
        (ResultRole.SUMMARY_REPORT, _dangling, "dangling"),
        (ResultRole.KEY_IMAGE, _without_equipment, "air-equipment"),
        (ResultRole.SEGMENTATION, _without_scheme, "coding-scheme"),
        (ResultRole.SEGMENTATION, _without_tracking, "seg-tracking"),
        (ResultRole.SUMMARY_REPORT, _long_code, "code-length"),
        (ResultRole.SUMMARY_REPORT, _other_patient, "patient"),
    ],
    ids=lambda value: value.strip("_") if isinstance(value, str) else "",
)
def test_each_fault_is_found(results: Path, tmp_path: Path, role: ResultRole, change: Change, rule: str) -> None:
    """One fault in one object of a study that is otherwise right."""
    assert rule in changed(results, tmp_path, role, change)


def test_a_study_without_a_root_result_is_told(results: Path, tmp_path: Path) -> None:
    """IHE AI Results: a report that refers to all others."""
    for role in (ResultRole.SEGMENTATION, ResultRole.FEATURE_REPORT, ResultRole.KEY_IMAGE):
        dcmwrite(tmp_path / f"{role}.dcm", dcmread(results / f"{role}.dcm"))
    findings = check_results(sorted(tmp_path.iterdir())).findings
    assert {one.rule for one in findings} == {"air-root"}


def test_two_cases_of_a_study_have_a_root_each(results: Path, tmp_path: Path) -> None:
    """Two tumours of one outline, whose reports both refer to the outline; two reports of one case are told."""
    case = make_case(features=FEATURE_NAMES[:5])
    other = build_results(rejected(Reason.TUMOUR_TOO_SMALL), case.seg_header, None, case.headers[:1])
    for path in results.iterdir():
        dcmwrite(tmp_path / path.name, dcmread(path), enforce_file_format=True)
    dcmwrite(tmp_path / "other.dcm", other[ResultRole.SUMMARY_REPORT], enforce_file_format=True)
    assert check_results(sorted(tmp_path.iterdir())).findings == ()

    def without_features(report: Dataset) -> None:
        related = report.ContentSequence[-1]
        related.ContentSequence = [item for item in related.ContentSequence if "feature" not in str(item)]

    assert "air-root" in changed(results, tmp_path, ResultRole.SUMMARY_REPORT, without_features)


def test_objects_of_others_are_judged(shared_data: Path) -> None:
    """Reports and segmentations of dcmqi, highdicom and pydicom: findings, and never an exception."""
    paths = [path for zoo in ("sr_zoo", "seg_zoo") for path in sorted((shared_data / zoo).rglob("*.dcm"))]
    report = check_results(paths)
    assert report.results > 10
    assert {"sr-blank", "sr-continuity", "code-retired", "seg-tracking"} <= {one.rule for one in report.findings}


def test_other_files_of_a_folder_are_passed_over(results: Path, tmp_path: Path) -> None:
    """The picture beside the results of ``radtme demo`` is no fault; a file that is named as DICOM is one."""
    for path in results.iterdir():
        dcmwrite(tmp_path / path.name, dcmread(path), enforce_file_format=True)
    (tmp_path / "key_image.png").write_bytes(b"a picture")
    assert CliRunner().invoke(radtme, ["check", "--strict", str(tmp_path)]).exit_code == 0
    (tmp_path / "other.dcm").write_bytes(b"a picture")
    done = CliRunner().invoke(radtme, ["check", str(tmp_path)])
    assert done.exit_code == 1
    assert "other.dcm: unreadable" in done.output


def test_a_folder_without_anything_to_check_does_not_pass(tmp_path: Path) -> None:
    """In a script, a wrong folder must not look like results without a fault."""
    (tmp_path / "key_image.png").write_bytes(b"a picture")
    done = CliRunner().invoke(radtme, ["check", str(tmp_path)])
    assert done.exit_code == 1
    assert "holds no DICOM file" in done.output + done.stderr + str(done.exception)


def test_damaged_objects_are_findings(results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Attributes missing at random, and files that are not DICOM: findings, without a traceback."""
    monkeypatch.setenv("PATH", "")  # not dciodvfy, whose errors would hide ours
    chance = random.Random(3)
    (tmp_path / "text.dcm").write_text("no DICOM")
    for number in range(60):
        path = chance.choice(sorted(results.iterdir()))
        instance = dcmread(path)
        holders = [instance, *(one for one in descendants(instance) if "ContentSequence" in instance)]
        for _ in range(8):
            holder = chance.choice(holders)
            if tags := [element.tag for element in holder if element.tag.group > 0x0008]:
                del holder[chance.choice(tags)]
        dcmwrite(tmp_path / f"{number}.dcm", instance)
    done = CliRunner().invoke(radtme, ["check", "--json", str(tmp_path)])
    assert done.exit_code == 1, done.output
    rules = {one["rule"] for one in json.loads(done.output)["findings"]}
    assert {"unreadable", "incomplete"} <= rules
