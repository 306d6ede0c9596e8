"""A PACS corrects a patient's name and sends the study again under the same UIDs: how results get the new name."""

from pathlib import Path

import pytest
from pydicom import dcmread

from deploy.errors import CommandError
from deploy.network.dicom_files import DicomFile, files_below, read_all
from deploy.network.peer import Peer
from deploy.network.send import send_files
from deploy.operations.corrections import retry_corrected
from deploy.simulation.phantom import Phantom, write_phantom
from listener.listener import Listener
from listener.spool.jobs import Job, JobState
from model_store.signatures.registry import Registry
from support.listening import listening
from support.processes import wait_until
from support.records import facts_of
from workers.jobs.score_job import run
from workers.settings import WorkerSettings

pytestmark = pytest.mark.acceptance

SMALL = {"slices": 40, "rows": 96, "columns": 96, "spacing_mm": (2.0, 1.6, 1.6), "tumour_diameter_mm": 26.0}


def send(listener: Listener, folder: Path) -> None:
    """Send a folder; a copy of a known object is a warning, and stored for its sender."""
    files = [file for file in read_all(files_below(folder)) if isinstance(file, DicomFile)]
    send_files(Peer("RADTME", "127.0.0.1", listener.port), "PACS", files, timeout_seconds=30)


def worked(listener: Listener, registry: Registry) -> tuple[Job, str]:
    """Score what is ready; return the job and its outcome."""
    wait_until(lambda: any(listener.spool.jobs(JobState.READY)), 20, "a ready job")
    (ready,) = listener.spool.jobs(JobState.READY)
    running = listener.spool.move(ready, JobState.RUNNING)
    assert running is not None
    scored = run(listener.spool, running, registry, WorkerSettings(listener.spool.root, registry.root))
    done = listener.spool.find_job(ready.id)
    assert done is not None
    return done, scored.outcome


def named(job: Job) -> set[str]:
    """Return the patient's name in all results of a job."""
    return {str(dcmread(path).PatientName) for path in (job.folder / "objects").glob("*.dcm")}


def uids(job: Job) -> set[str]:
    """Return the SOP Instance UIDs of all results of a job."""
    return {str(dcmread(path).SOPInstanceUID) for path in (job.folder / "objects").glob("*.dcm")}


def correct(phantom: Phantom) -> None:
    """Give every object of the study another patient's name."""
    for path in phantom.paths:
        header = dcmread(path)
        header.PatientName = "Corrected^Name"
        header.save_as(path)


def test_a_corrected_name_gets_into_a_new_version_that_replaces_the_first(tmp_path: Path) -> None:
    """The first copy counts until the operator decides otherwise; then results have the new name and new UIDs."""
    phantom = write_phantom(tmp_path / "study", 7, **SMALL)
    registry = Registry(tmp_path / "signatures")
    registry.ensure_shipped()
    with listening(tmp_path / "spool") as listener:
        send(listener, tmp_path / "study")
        first, _ = worked(listener, registry)
        with pytest.raises(CommandError, match="no corrected copy"):
            retry_corrected(listener.spool, first)
        correct(phantom)
        send(listener, tmp_path / "study")
        kept = {str(dcmread(path).PatientName) for path in listener.spool.studies.rglob("*.dcm")}
        assert kept == {"PHANTOM^SIMULATED 7"}
        retry_corrected(listener.spool, first)
        kept = {str(dcmread(path).PatientName) for path in listener.spool.studies.rglob("*.dcm")}
        assert kept == {"Corrected^Name"}
        second, outcome = worked(listener, registry)
    assert outcome == "scored"  # not "unchanged": nothing new would be sent
    assert (named(first), named(second)) == ({"PHANTOM^SIMULATED 7"}, {"Corrected^Name"})
    assert not uids(first) & uids(second)


def test_a_copy_with_other_pixels_is_no_correction(tmp_path: Path) -> None:
    """Nothing is taken: an image that was changed is another image."""
    phantom = write_phantom(tmp_path / "study", 7, **SMALL)
    registry = Registry(tmp_path / "signatures")
    registry.ensure_shipped()
    with listening(tmp_path / "spool") as listener:
        send(listener, tmp_path / "study")
        first, _ = worked(listener, registry)
        changed = dcmread(phantom.paths[0])
        changed.PixelData = bytes(len(changed.PixelData))
        changed.save_as(phantom.paths[0])
        send(listener, tmp_path / "study")
        with pytest.raises(CommandError, match="other pixels"):
            retry_corrected(listener.spool, first)
        place = listener.spool.instance_path(phantom.study_uid, phantom.series_uids[0], str(changed.SOPInstanceUID))
        assert any(dcmread(place).PixelData)


@pytest.mark.parametrize("state", [JobState.READY, JobState.FAILED])
def test_a_job_without_a_result_is_scored_with_the_corrected_headers(tmp_path: Path, state: JobState) -> None:
    """No second version: nothing was sent that a second one could replace."""
    phantom = write_phantom(tmp_path / "study", 7, **SMALL)
    registry = Registry(tmp_path / "signatures")
    registry.ensure_shipped()
    with listening(tmp_path / "spool") as listener:
        send(listener, tmp_path / "study")
        wait_until(lambda: any(listener.spool.jobs(JobState.READY)), 20, "a ready job")
        (ready,) = listener.spool.jobs(JobState.READY)
        job = ready if state is JobState.READY else listener.spool.move(ready, state, **facts_of(state))
        assert job is not None
        correct(phantom)
        send(listener, tmp_path / "study")
        assert "corrected objects taken" in retry_corrected(listener.spool, job).message
        scored, outcome = worked(listener, registry)
    assert (scored.id, outcome, named(scored)) == (ready.id, "scored", {"Corrected^Name"})


def test_a_job_that_waits_is_scored_with_the_corrected_headers(tmp_path: Path) -> None:
    """The correction came before the last image did."""
    phantom = write_phantom(tmp_path / "study", 7, **SMALL)
    last = phantom.image_paths[1][-1]
    registry = Registry(tmp_path / "signatures")
    registry.ensure_shipped()
    with listening(tmp_path / "spool") as listener:
        late = last.rename(tmp_path / "late.dcm")
        send(listener, tmp_path / "study")
        wait_until(lambda: any(listener.spool.jobs(JobState.WAITING)), 20, "a waiting job")
        (waiting,) = listener.spool.jobs(JobState.WAITING)
        late.rename(last)
        correct(phantom)
        late = last.rename(late)
        send(listener, tmp_path / "study")
        assert "waits for its images" in retry_corrected(listener.spool, waiting).message
        late.rename(last)
        send(listener, tmp_path / "study")
        scored, outcome = worked(listener, registry)
    assert (scored.id, outcome, named(scored)) == (waiting.id, "scored", {"Corrected^Name"})


def test_a_job_that_is_being_scored_is_left_alone(tmp_path: Path) -> None:
    """A worker is reading its headers: the command asks to try again later."""
    phantom = write_phantom(tmp_path / "study", 7, **SMALL)
    with listening(tmp_path / "spool") as listener:
        send(listener, tmp_path / "study")
        wait_until(lambda: any(listener.spool.jobs(JobState.READY)), 20, "a ready job")
        (ready,) = listener.spool.jobs(JobState.READY)
        running = listener.spool.move(ready, JobState.RUNNING)
        assert running is not None
        correct(phantom)
        send(listener, tmp_path / "study")
        with pytest.raises(CommandError, match="is being scored"):
            retry_corrected(listener.spool, running)
        kept = {str(dcmread(path).PatientName) for path in listener.spool.studies.rglob("*.dcm")}
    assert kept == {"PHANTOM^SIMULATED 7"}
