"""Inputs from the field, through the real listener, its pairing and a worker's code: each ends as the table says."""

import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner
from pydicom import Dataset, dcmread

from deploy.cli import radtme
from deploy.network.dicom_files import DicomFile, files_below, read_all
from deploy.network.peer import Peer
from deploy.network.send import send_files
from listener.spool.jobs import Job, JobState
from listener.spool.spool import Spool
from model_store.signatures.registry import Registry
from support.field_case import Ending, FieldCase
from support.field_cases import PAGE, page
from support.listening import listening
from support.made_cases import OTHER_CASES
from support.processes import wait_until
from support.sent_cases import CASES
from workers.jobs.score_job import run
from workers.results.result_record import ResultRecord, read_result
from workers.scoring.case_result import Doubt, Phenotype, ResultOutcome
from workers.settings import WorkerSettings

pytestmark = pytest.mark.acceptance

DEADLINE_SECONDS = 4.0
SENT = [case for case in CASES if case.ending is not Ending.COMMAND]
"""The others: test_a_mask_is_measured_as_the_segmentation_is, and test_corrected_headers.py."""

UID_OF_THE_SOURCE = {"l01_uid_leading_zero_component": "Leading zeroes in embedded numeric component(s)"}
"""What dciodvfy finds in results because they have the UIDs of their study and refer to its images."""


@dataclass(frozen=True)
class Ended:
    """The outcome of one outline."""

    result: ResultRecord
    features: tuple[float, ...]
    """Every number of the feature report, in its order; empty where there is none."""
    faults: tuple[str, ...] | None
    """The errors of dciodvfy in the result objects; None where it is not installed."""

    @property
    def voxels(self) -> tuple[int, ...]:
        """Of tumour and ring."""
        return tuple(region.voxels for region in self.result.regions)

    @property
    def words(self) -> str:
        """The text of the report: the reason of a refusal, or the notes."""
        rejection = self.result.rejection
        return rejection.message if rejection else " ".join(self.result.notes)


Send = Callable[[Path], list[Ended]]


@pytest.fixture(scope="module")
def send(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Send]:
    """Send a folder to a running listener, process the jobs, and return the outcome of each."""
    folder = tmp_path_factory.mktemp("field")
    registry = Registry(folder / "signatures")
    registry.ensure_shipped()
    times = {"deadline_seconds": DEADLINE_SECONDS, "settle_unreferenced_seconds": 0.6}
    with listening(folder / "spool", **times) as listener:
        spool = Spool(folder / "spool")
        settings = WorkerSettings(spool.root, registry.root)

        def one_folder(input_folder: Path) -> list[Ended]:
            files = [file for file in read_all(files_below(input_folder)) if isinstance(file, DicomFile)]
            before = {job.id for job in spool.jobs()}
            send_files(Peer("RADTME", "127.0.0.1", listener.port), "FIELD", files, timeout_seconds=30)
            created = [job.id for job in spool.jobs() if job.id not in before]
            return [_work(spool, _ready(spool, job_id), registry, settings) for job_id in created]

        yield one_folder


def _ready(spool: Spool, job_id: str) -> Job:
    wait_until(lambda: job_id in {job.id for job in spool.jobs(JobState.READY)}, DEADLINE_SECONDS, "a ready job", 0.02)
    ready = spool.find_job(job_id)
    running = spool.move(ready, JobState.RUNNING) if ready else None
    assert running is not None
    return running


def _work(spool: Spool, job: Job, registry: Registry, settings: WorkerSettings) -> Ended:
    run(spool, job, registry, settings)
    done = spool.find_job(job.id)
    assert done is not None
    result = read_result(done)
    assert result is not None
    objects = done.folder / "objects"
    report = objects / "feature_report.dcm"
    faults = None
    if shutil.which("dciodvfy") is not None:
        faults = tuple(fault for path in sorted(objects.glob("*.dcm")) for fault in _faults(path))
    return Ended(result, tuple(_numbers(dcmread(report))) if report.exists() else (), faults)


def _faults(path: Path) -> Iterator[str]:
    """Yield the errors that dciodvfy finds in an object."""
    done = subprocess.run(["dciodvfy", "-new", path], capture_output=True, check=False)
    for line in (done.stdout + done.stderr).decode("latin-1").splitlines():
        if line.startswith(("Error", "Abort")):
            yield f"{path.name}: {line}"


def _numbers(item: Dataset) -> Iterator[float]:
    for measured in item.get("MeasuredValueSequence") or ():
        yield float(measured.NumericValue)
    for child in item.get("ContentSequence") or ():
        yield from _numbers(child)


@pytest.fixture(scope="module")
def references(send: Send, shared_data: Path, br06: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Ended]:
    """Return what the untouched studies come to."""
    real = tmp_path_factory.mktemp("br06")
    (real / "dce").symlink_to(br06 / "dce")
    folders = {"phantom": shared_data / "field_cases" / "00_reference_phantom"}
    ended = {name: send(folder) for name, folder in folders.items()}
    send(br06 / "dce")
    ended["br06"] = send(br06 / "tumour_seg")
    return {name: one for name, [one] in ended.items()}


def test_the_references_are_what_they_were(references: dict[str, Ended]) -> None:
    """The phantom and the real patient keep their scores and voxels; the phantom's verdict depends on who drew it."""
    scores = {name: one.result.score for name, one in references.items()}
    found = {
        name: (round(score.hot_probability, 3), references[name].voxels) for name, score in scores.items() if score
    }
    assert found == {"phantom": (0.768, (3819, 5872)), "br06": (0.933, (35652, 53213))}
    verdicts = {name: (score.phenotype, score.tendency, score.doubts) for name, score in scores.items() if score}
    assert verdicts == {
        "phantom": (Phenotype.UNCERTAIN, Phenotype.HOT, (Doubt.OUTLINE,)),
        "br06": (Phenotype.HOT, Phenotype.HOT, ()),
    }


@pytest.mark.parametrize("case", SENT, ids=lambda case: case.folder)
def test_it_ends_as_the_table_says(
    case: FieldCase, send: Send, references: dict[str, Ended], shared_data: Path
) -> None:
    """A case is measured with the features of the study that it was made from, refused with helpful words, or none."""
    ended = send(shared_data / "field_cases" / case.folder / "input")
    if case.ending is Ending.SET_ASIDE:
        assert not ended
        return
    [one] = ended
    expected = ResultOutcome.SCORED if case.ending is Ending.MEASURED else ResultOutcome.NOT_SCORED
    assert one.result.outcome is expected, one.words
    assert [word for word in case.says if word not in one.words] == [], one.words
    if case.reason:
        assert one.result.rejection is not None
        assert one.result.rejection.reason == case.reason
    if case.same_features_as:
        assert one.features == pytest.approx(references[case.same_features_as].features, rel=1e-6)
    if one.faults is None:
        pytest.skip("ends as the table says, but dciodvfy is not installed: the result objects were not checked")
    assert [fault for fault in one.faults if not fault.endswith(UID_OF_THE_SOURCE.get(case.folder, "\n"))] == []


def test_a_mask_is_measured_as_the_segmentation_is(
    send: Send, references: dict[str, Ended], shared_data: Path, tmp_path: Path
) -> None:
    """f01: what `radtme outline` makes of the mask gives every feature of the segmentation."""
    given = shared_data / "field_cases" / "f01_nifti_mask" / "input"
    words = ["outline", str(given / "tumor_mask.nii.gz"), str(given / "images"), "--output", str(tmp_path / "seg.dcm")]
    made = CliRunner().invoke(radtme, words)
    assert made.exit_code == 0, made.output
    send(given / "images")
    [one] = send(tmp_path)
    assert one.features == pytest.approx(references["phantom"].features, rel=1e-6)


def test_the_page_is_written_from_the_table() -> None:
    """docs/accepted-input.md says what the tests hold."""
    assert PAGE.read_text() == page()


@pytest.mark.parametrize("test", [case.test for case in OTHER_CASES])
def test_rows_without_a_folder_name_a_test(test: str) -> None:
    """What no test holds is not on the page."""
    path, function = test.split("::")
    assert f"\ndef {function}(" in (Path(__file__).parents[1] / path).read_text()
