"""The main job on a real breast DCE-MRI: sent by dcmtk, delivered to Orthanc, read back over DICOMweb."""

import random
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
from highdicom.seg import Segmentation
from pydicom import Dataset, dcmread

from listener.spool.jobs import JobState
from support.installation import Installation, send
from support.pacs import Orthanc

pytestmark = pytest.mark.acceptance

ROLES = {"segmentation", "key_image", "feature_report", "summary_report"}


@pytest.fixture(scope="module")
def seg_path(br06: Path) -> Path:
    """Return the outline of the tumour."""
    return br06 / "tumour_seg" / "seg.dcm"


@pytest.fixture(scope="module")
def scored(installation: Installation, br06: Path, seg_path: Path) -> Installation:
    """Return the installation after the examination came images first."""
    send(installation.dicom_port, br06 / "dce", seg_path)
    installation.wait_for_jobs(1)
    return installation


@pytest.fixture(scope="module")
def results(scored: Installation, pacs: Orthanc, seg_path: Path) -> dict[str, Dataset]:
    """Return the result objects by role, as the PACS gives them back."""
    study = dcmread(seg_path, stop_before_pixels=True).StudyInstanceUID
    references = scored.result(scored.jobs()[0])["references"]
    return {role: pacs.retrieve(study, reference["series_uid"])[0] for role, reference in references.items()}


def test_the_case_is_scored_and_done(scored: Installation) -> None:
    """One outline makes one job, and it ends with a score."""
    [job] = scored.jobs()
    assert job.state is JobState.DONE
    result = scored.result(job)
    assert result["outcome"] == "scored"
    assert 0 <= result["score"]["hot_probability"] <= 1
    assert len(result["instances"]) == 60


def test_the_pacs_holds_what_was_written_bit_for_bit(scored: Installation, results: dict[str, Dataset]) -> None:
    """WADO-RS returns the same objects as the job's folder holds."""
    [job] = scored.jobs()
    assert set(results) == ROLES
    for role, received in results.items():
        written = dcmread(job.folder / "objects" / f"{role}.dcm")
        assert received == written, role


def test_each_result_has_a_series_of_its_own_in_the_source_study(results: dict[str, Dataset], seg_path: Path) -> None:
    """Viewers show the last object of a series only."""
    source = dcmread(seg_path, stop_before_pixels=True)
    assert {result.StudyInstanceUID for result in results.values()} == {source.StudyInstanceUID}
    assert {result.PatientID for result in results.values()} == {source.PatientID}
    assert len({result.SeriesInstanceUID for result in results.values()}) == len(results)


def test_the_overlay_lies_where_the_tumour_is(results: dict[str, Dataset], seg_path: Path) -> None:
    """Centroid within one voxel and volume within one percent of the outline that came in."""
    source, overlay = voxels_in_space(dcmread(seg_path), 1), voxels_in_space(results["segmentation"], 1)
    assert np.abs(source.mean(axis=0) - overlay.mean(axis=0)).max() < 0.7
    assert len(overlay) == pytest.approx(len(source), rel=0.01)


def voxels_in_space(dataset: Dataset, segment: int) -> np.ndarray:
    """Return the position of each voxel of a segment in the patient, in mm, from the SEG's own attributes."""
    seg = Segmentation.from_dataset(dataset)
    frames = np.atleast_3d(seg.pixel_array)
    spacing = seg.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0].PixelSpacing
    shared = seg.SharedFunctionalGroupsSequence[0]
    cosines = np.array(shared.PlaneOrientationSequence[0].ImageOrientationPatient, float)
    positions = []
    for groups, frame in zip(seg.PerFrameFunctionalGroupsSequence, frames, strict=True):
        holder = groups if "SegmentIdentificationSequence" in groups else shared
        if holder.SegmentIdentificationSequence[0].ReferencedSegmentNumber != segment:
            continue
        origin = np.array(groups.PlanePositionSequence[0].ImagePositionPatient, float)
        rows, columns = np.nonzero(frame)
        along_row, along_column = np.outer(columns * spacing[1], cosines[:3]), np.outer(rows * spacing[0], cosines[3:])
        positions.append(origin + along_row + along_column)
    return np.concatenate(positions)


def test_the_validators_find_no_error(scored: Installation) -> None:
    """Dciodvfy judges each object, dcentvfy all of them together."""
    [job] = scored.jobs()
    paths = sorted(map(str, (job.folder / "objects").iterdir()))
    assert len(paths) == len(ROLES)
    for path in paths:
        said = subprocess.run(["dciodvfy", "-new", path], capture_output=True, text=True, check=False)
        assert not [line for line in said.stderr.splitlines() if line.startswith("Error")], f"{path}\n{said.stderr}"
    said = subprocess.run(["dcentvfy", *paths], capture_output=True, text=True, check=False)
    assert "Error" not in said.stdout + said.stderr


def test_the_report_reads_the_verdict_first(scored: Installation) -> None:
    """Another toolkit prints the report: score, class, and the notice that this is research."""
    [job] = scored.jobs()
    path = str(job.folder / "objects" / "summary_report.dcm")
    text = subprocess.run(["dsrdump", "+Pl", path], capture_output=True, text=True, check=True).stdout
    assert "Radiomics score" in text
    assert text.index("Radiomics score") < text.index("olume")
    assert "not for clinical use" in text


def test_status_names_the_case_without_the_patient(scored: Installation, seg_path: Path) -> None:
    """`radtme status` shows state and score, and no patient name or id."""
    source = dcmread(seg_path, stop_before_pixels=True)
    [job] = scored.jobs()
    for words in (["status"], ["status", source.StudyInstanceUID]):
        text = scored.radtme(*words)
        assert job.id[:12] in text
        assert str(source.PatientID) not in text
        assert str(source.PatientName) not in text


def test_no_log_or_metric_names_the_patient(scored: Installation, seg_path: Path) -> None:
    """What operations sees is about cases, not about people."""
    source = dcmread(seg_path, stop_before_pixels=True)
    seen = scored.log("listen") + scored.log("work") + scored.get("listen", "/metrics") + scored.get("work", "/metrics")
    for private in (source.PatientID, source.PatientName, source.PatientBirthDate):
        assert not str(private) or str(private) not in seen


def test_metrics_count_the_case(scored: Installation) -> None:
    """Objects, outcome, stages and deliveries are there to be asked for."""
    listener, worker = scored.get("listen", "/metrics"), scored.get("work", "/metrics")
    assert 'radtme_jobs{state="done"} 1.0' in listener
    for wanted in (
        'radtme_cases_total{outcome="scored"} 1.0',
        'radtme_deliveries_total{outcome="delivered",target="pacs"} 1.0',
        'radtme_stage_seconds_count{stage="features"} 1.0',
        "radtme_active_signature{",
        "radtme_signature_usable 1.0",
    ):
        assert wanted in worker, wanted


ORDERS = ["outline_first", "everything_twice", "shuffled"]


@pytest.fixture(scope="module")
def other_orders(
    tmp_path_factory: pytest.TempPathFactory, br06: Path, seg_path: Path
) -> Iterator[dict[str, Installation]]:
    """Return fresh installations after the same examination came in other orders."""
    with ExitStack() as stack:
        folder = tmp_path_factory.mktemp("orders")
        installations = {order: stack.enter_context(Installation(folder / order)) for order in ORDERS}
        for order, one in installations.items():
            one.start("redis", "listen")
            for batch in batches(order, br06, seg_path, folder / "files"):
                send(one.dicom_port, *batch)
            one.start("work")
            one.wait_for_jobs(1)
            one.stop()
        yield installations


def batches(order: str, br06: Path, seg_path: Path, folder: Path) -> list[list[Path]]:
    """Return what is sent in one association after the other."""
    if order == "outline_first":
        return [[seg_path], [br06 / "dce"]]
    if order == "everything_twice":
        return [[br06 / "dce", seg_path]] * 2
    paths = sorted([*(br06 / "dce").iterdir(), seg_path])
    random.Random(6).shuffle(paths)
    for number, path in enumerate(paths):
        part = folder / f"{number // 70}"
        part.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, part / f"{number:03}.dcm")
    return [[part] for part in sorted(folder.iterdir())]


@pytest.mark.parametrize("order", ORDERS)
def test_any_order_makes_one_job_and_the_same_bytes(
    scored: Installation, other_orders: dict[str, Installation], order: str
) -> None:
    """Outline first, each instance twice, files shuffled: one job, identical result bytes and UIDs."""
    [first], [second] = scored.jobs(), other_orders[order].jobs()
    assert second.id == first.id
    assert second.state is JobState.DONE
    for role in ROLES:
        one, other = (job.folder / "objects" / f"{role}.dcm" for job in (first, second))
        assert one.read_bytes() == other.read_bytes(), role
