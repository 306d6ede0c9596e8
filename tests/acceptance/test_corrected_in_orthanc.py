"""A name is corrected in Orthanc, as docs/spool.md says, and the study sent again: the results get the new name."""

import json
import shutil
import urllib.error
from pathlib import Path

import pytest
from pydicom import dcmread

from deploy.errors import CommandError
from deploy.operations.corrections import retry_corrected
from deploy.simulation.phantom import write_phantom
from listener.spool.jobs import Job
from support.installation import Installation, send
from support.listening import listening
from support.pacs import orthanc
from support.processes import free_port

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.skipif(shutil.which("Orthanc") is None, reason="needs Orthanc (Debian package orthanc)"),
]

SMALL = {"slices": 24, "rows": 96, "columns": 96, "spacing_mm": (3.2, 1.6, 1.6), "tumour_diameter_mm": 24.0}
UIDS = ["StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"]


def names(job: Job) -> set[str]:
    """Return the patient's name in all results of a job."""
    return {str(dcmread(path).PatientName) for path in (job.folder / "objects").glob("*.dcm")}


def test_a_name_corrected_in_orthanc_reaches_the_results(tmp_path: Path) -> None:
    """Orthanc changes the study in place and keeps its UIDs; `radtme retry --corrected` takes the second copies."""
    port = free_port()
    modality = {"AET": "RADTME", "Host": "127.0.0.1", "Port": port}
    with orthanc(tmp_path / "pacs", DicomModalities={"radtme": modality}, OverwriteInstances=True) as pacs:
        target = {"name": "pacs", "ae_title": pacs.ae_title, "host": "127.0.0.1", "port": pacs.dicom_port}
        with Installation(tmp_path / "radtme", [target], dicom_port=port) as installed:
            installed.start()
            phantom = write_phantom(tmp_path / "study", 5, **SMALL)
            send(pacs.dicom_port, tmp_path / "study", ae_title=pacs.ae_title)
            (study,) = json.loads(pacs.get("/studies", "application/json"))
            pacs.post("/modalities/radtme/store", study)
            installed.wait_for_jobs(1, 180)
            corrected = {"Replace": {"PatientName": "Corrected^Name"}, "Keep": UIDS, "Force": True}
            modified = pacs.post(f"/studies/{study}/modify", corrected)
            again = {"Resources": [modified["ID"]], "Permissive": True}
            pacs.post("/modalities/radtme/store", again)
            (first,) = installed.jobs()
            assert first.id in installed.radtme("status", phantom.study_uid)
            told = installed.radtme("retry", first.id, "--corrected")
            sent = len(phantom.paths)
            assert f"{sent} corrected objects taken" in told
            jobs = installed.wait_for_jobs(2, 180)
            assert {job.id: names(job) for job in jobs} == {
                first.id: {"PHANTOM^SIMULATED 5"},
                first.id.replace("-v1", "-v2"): {"Corrected^Name"},
            }


def test_orthanc_stops_at_the_first_known_object_without_permissive(tmp_path: Path) -> None:
    """It takes 0x0111 for a failure: a study that is sent again needs the option that docs/spool.md names."""
    port = free_port()
    modality = {"AET": "RADTME", "Host": "127.0.0.1", "Port": port}
    write_phantom(tmp_path / "study", 5, **{**SMALL, "phases": 1})  # every image belongs to the case
    with (
        orthanc(tmp_path / "pacs", DicomModalities={"radtme": modality}, OverwriteInstances=True) as pacs,
        listening(tmp_path / "spool", port=port) as listener,
    ):
        send(pacs.dicom_port, tmp_path / "study", ae_title=pacs.ae_title)
        (study,) = json.loads(pacs.get("/studies", "application/json"))
        pacs.post("/modalities/radtme/store", study)
        corrected = {"Replace": {"PatientName": "Corrected^Name"}, "Keep": UIDS, "Force": True}
        pacs.post(f"/studies/{study}/modify", corrected)
        (study,) = json.loads(pacs.get("/studies", "application/json"))
        with pytest.raises(urllib.error.HTTPError):
            pacs.post("/modalities/radtme/store", study)
        assert len(list(listener.spool.quarantine.glob("*.dcm"))) == 1
        (job,) = listener.spool.jobs()
        with pytest.raises(CommandError, match=r"corrected copies of 1 of its \d+ objects .*another patient"):
            retry_corrected(listener.spool, job)
