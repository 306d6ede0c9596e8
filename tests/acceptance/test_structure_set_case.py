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
from listener.spool.jobs import JobState
from model_store.signatures.registry import Registry
from support.listening import listening
from support.processes import wait_until
from support.structure_sets import write_structure_set
from workers.jobs.score_job import run
from workers.settings import WorkerSettings

pytestmark = pytest.mark.acceptance

SMALL = {"slices": 40, "rows": 96, "columns": 96, "spacing_mm": (2.0, 1.6, 1.6), "tumour_diameter_mm": 26.0}


def names_structure_set(instance: Dataset, uid: str) -> bool:
    """Tell whether an object refers to the structure set by its class and UID."""
    return any(
        element.keyword == "ReferencedSOPInstanceUID" and element.value == uid for element in instance.iterall()
    ) and any(element.value == RTStructureSetStorage for element in instance.iterall() if element.VR == "UI")


def test_a_structure_set_is_scored_and_referenced(tmp_path: Path) -> None:
    """The rows of the tumour as contours on each slice: scored, and its reports name the structure set as evidence."""
    phantom = write_phantom(tmp_path / "study", 7, **SMALL)
    images = phantom.image_paths[1]
    contours = {}
    for index, path in enumerate(images):
        rows = np.flatnonzero(phantom.images.tumour[index].any(axis=1))
        if rows.size < 2:
            continue
        header = dcmread(path, stop_before_pixels=True)
        x, y, z = header.ImagePositionPatient
        left = [(int(np.flatnonzero(phantom.images.tumour[index, row])[0]), int(row)) for row in rows]
        right = [(int(np.flatnonzero(phantom.images.tumour[index, row])[-1]), int(row)) for row in rows[::-1]]
        contours[index] = [np.array([(x, y + 1.6 * column, z - 1.6 * row) for column, row in [*left, *right]])]
    phantom.seg_path.unlink()
    structure_set = write_structure_set(phantom.seg_path.with_name("rs.dcm"), images, {"Tumor": contours})
    uid = dcmread(structure_set).SOPInstanceUID
    registry = Registry(tmp_path / "signatures")
    registry.ensure_shipped()
    with listening(tmp_path / "spool") as listener:
        files = [file for file in read_all(files_below(tmp_path / "study")) if isinstance(file, DicomFile)]
        sent = send_files(Peer("RADTME", "127.0.0.1", listener.port), "TPS", files, timeout_seconds=30)
        assert {one.outcome.value for one in sent} == {"stored"}
        wait_until(lambda: any(listener.spool.jobs(JobState.READY)), 20, "the job being ready")
        (job,) = listener.spool.jobs(JobState.READY)
        running = listener.spool.move(job, JobState.RUNNING)
        assert running is not None
        scored = run(listener.spool, running, registry, WorkerSettings(listener.spool.root, registry.root))
        assert scored.outcome == "scored"
        done = listener.spool.find_job(job.id)
        assert done is not None
        reports = [dcmread(done.folder / "objects" / f"{role}.dcm") for role in ("summary_report", "feature_report")]
        assert all(names_structure_set(report, uid) for report in reports)
        if shutil.which("dciodvfy"):
            for path in sorted((done.folder / "objects").glob("*.dcm")):
                said = subprocess.run(["dciodvfy", "-new", str(path)], capture_output=True, text=True, check=False)
                assert [line for line in (said.stdout + said.stderr).splitlines() if line.startswith("Error")] == []
