"""An RT structure set through the real listener and a worker: measured, and named by every result."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from pydicom import Dataset, dcmread
from pydicom.uid import RTStructureSetStorage

from deploy.network.dicom_files import DicomFile, files_below, read_all
from deploy.network.peer import Peer
from deploy.network.send import send_files
from deploy.simulation.phantom import write_phantom
from listener.listener import Listener
from listener.spool.jobs import Job, JobState
from model_store.signatures.registry import Registry
from support.listening import listening
from support.processes import wait_until
from support.structure_sets import contours_of, write_structure_set
from workers.jobs.score_job import Scored, run
from workers.settings import WorkerSettings

pytestmark = pytest.mark.acceptance

SMALL = {"slices": 40, "rows": 96, "columns": 96, "spacing_mm": (2.0, 1.6, 1.6), "tumour_diameter_mm": 26.0}


def names_structure_set(instance: Dataset, uid: str) -> bool:
    """Return whether an object refers to the structure set by its class and UID."""
    return any(
        element.keyword == "ReferencedSOPInstanceUID" and element.value == uid for element in instance.iterall()
    ) and any(element.value == RTStructureSetStorage for element in instance.iterall() if element.VR == "UI")


def score(listener: Listener, registry: Registry, job: Job) -> tuple[Scored, Path]:
    """Process a ready job; return its result and the folder of its result objects."""
    running = listener.spool.move(job, JobState.RUNNING)
    assert running is not None
    scored = run(listener.spool, running, registry, WorkerSettings(listener.spool.root, registry.root))
    done = listener.spool.find_job(job.id)
    assert done is not None
    return scored, done.folder / "objects"


def sent(listener: Listener, folder: Path) -> Job:
    """Send a study and return its ready job."""
    files = [file for file in read_all(files_below(folder)) if isinstance(file, DicomFile)]
    results = send_files(Peer("RADTME", "127.0.0.1", listener.port), "TPS", files, timeout_seconds=30)
    assert {one.outcome.value for one in results} == {"stored"}
    wait_until(lambda: any(listener.spool.jobs(JobState.READY)), 20, "the job being ready")
    (job,) = listener.spool.jobs(JobState.READY)
    return job


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    """Return a registry with the shipped signature."""
    found = Registry(tmp_path / "signatures")
    found.ensure_shipped()
    return found


def test_a_structure_set_is_scored_and_referenced(tmp_path: Path, registry: Registry) -> None:
    """The rows of the tumour as contours on each slice: scored, and its reports name the structure set as evidence."""
    phantom = write_phantom(tmp_path / "study", 7, **SMALL)
    images = phantom.image_paths[1]
    phantom.seg_path.unlink()
    contours = contours_of(phantom.images.tumour, images)
    structure_set = write_structure_set(phantom.seg_path.with_name("rs.dcm"), images, {"Tumor": contours})
    uid = dcmread(structure_set).SOPInstanceUID
    with listening(tmp_path / "spool") as listener:
        scored, objects = score(listener, registry, sent(listener, tmp_path / "study"))
    assert scored.outcome == "scored"
    reports = [dcmread(objects / f"{role}.dcm") for role in ("summary_report", "feature_report")]
    assert all(names_structure_set(report, uid) for report in reports)
    if shutil.which("dciodvfy"):
        for path in sorted(objects.glob("*.dcm")):
            said = subprocess.run(["dciodvfy", "-new", str(path)], capture_output=True, text=True, check=False)
            assert [line for line in (said.stdout + said.stderr).splitlines() if line.startswith("Error")] == []


def test_each_tumour_of_a_structure_set_gets_results_of_its_own(tmp_path: Path, registry: Registry) -> None:
    """Two regions of interest, upper and lower half: a job each, named as the planning system names them."""
    phantom = write_phantom(tmp_path / "study", 7, **SMALL)
    images, tumour = phantom.image_paths[1], phantom.images.tumour
    phantom.seg_path.unlink()
    middle = int(np.argwhere(tumour)[:, 1].mean())
    upper, lower = tumour.copy(), tumour.copy()
    upper[:, middle - 2 :], lower[:, : middle + 2] = False, False
    regions = {"GTV index": contours_of(upper, images), "GTV satellite": contours_of(lower, images)}
    write_structure_set(phantom.seg_path.with_name("rs.dcm"), images, regions)
    with listening(tmp_path / "spool") as listener:
        first = sent(listener, tmp_path / "study")
        scored, objects = score(listener, registry, first)
        (second,) = listener.spool.jobs(JobState.READY)
        assert scored.further == (second.id,)
        again, further_objects = score(listener, registry, second)
    assert (scored.outcome, again.outcome, again.further) == ("scored", "scored", ())
    segmentations = [dcmread(folder / "segmentation.dcm") for folder in (objects, further_objects)]
    for number, (name, segmentation) in enumerate(zip(regions, segmentations, strict=True), start=1):
        assert segmentation.SeriesDescription.startswith(f"{number}/2 Tumour and ring, {name}, ")
    first_uids, second_uids = ({item.TrackingUID for item in one.SegmentSequence} for one in segmentations)
    assert not first_uids & second_uids
