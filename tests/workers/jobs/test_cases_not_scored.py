"""Cases that are not scored: over their time or memory, with a damaged outline or someone else's."""

import errno
import time
from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
import SimpleITK as sitk
from billiard.exceptions import SoftTimeLimitExceeded
from pydicom import dcmread

from deploy.simulation.phantom import Phantom
from listener.spool.record_file import as_json
from listener.spool.spool import Spool
from model_store.signatures.registry import Registry
from support.claimed_jobs import claimed_job, objects, result
from workers.errors import Reason
from workers.jobs import score_job as scoring
from workers.jobs import tasks
from workers.metrics.counters import worker_metrics
from workers.settings import WorkerSettings


def test_a_case_over_its_time_is_not_scored(
    spool: Spool, phantom: Phantom, registry: Registry, settings: WorkerSettings
) -> None:
    """Also when the interruption was taken for a feature without a value somewhere below."""
    job = claimed_job(spool, phantom)
    done = scoring.run(spool, job, registry, replace(settings, soft_time_limit_seconds=0.001))
    assert (done.outcome, done.reason) == ("not_scored", Reason.TIME_LIMIT)
    assert result(spool, job)["score"] is None
    assert set(objects(spool, job)) == {"key_image.dcm", "summary_report.dcm"}


def test_a_case_that_was_ended_took_the_time_until_then(
    spool: Spool, phantom: Phantom, registry: Registry, settings: WorkerSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is logged and counted is how long the case held its worker, not how long the report of its end took."""

    def slow(*_: object) -> None:
        time.sleep(5)
        raise SoftTimeLimitExceeded

    monkeypatch.setattr(scoring, "examine", slow)
    done = tasks._scored(tasks.TaskContext(settings, spool, registry, worker_metrics()), claimed_job(spool, phantom))
    assert done is not None
    assert done.reason is Reason.TIME_LIMIT
    assert done.seconds >= 5


def test_an_outline_that_was_damaged_on_disk_is_reported(
    spool: Spool, phantom: Phantom, registry: Registry, settings: WorkerSettings
) -> None:
    """A file that is cut short ends as not scored, with a report in the right study, not as a defect of ours."""
    job = claimed_job(spool, phantom)
    seg = as_json(job.record)["seg"]
    path = spool.instance_path(phantom.study_uid, seg["series_uid"], seg["sop_instance_uid"])
    path.write_bytes(path.read_bytes()[:200])
    done = scoring.run(spool, job, registry, settings)
    assert (done.outcome, done.reason) == ("not_scored", Reason.UNREADABLE_OBJECT)
    moved = spool.find_job(job.id)
    assert moved is not None
    report = dcmread(moved.folder / "objects" / "summary_report.dcm")
    assert report.StudyInstanceUID == phantom.study_uid


@pytest.mark.parametrize("failure", ["numpy", "enomem", "itk"])
def test_a_case_over_its_memory_is_not_scored(
    spool: Spool,
    phantom: Phantom,
    registry: Registry,
    settings: WorkerSettings,
    monkeypatch: pytest.MonkeyPatch,
    failure: str,
) -> None:
    """Wherever the memory ran out: one attempt, a reason, a report, and the process continues."""

    def greedy(*_: object) -> None:
        if failure == "enomem":
            raise OSError(errno.ENOMEM, "Cannot allocate memory")
        if failure == "itk":
            sitk.Resample(sitk.Image(9, 9, 9, sitk.sitkFloat64), (900, 900, 900), sitk.Transform(), sitk.sitkLinear)
        np.ones(400 << 20, np.uint8)

    monkeypatch.setattr(scoring, "examine", greedy)
    limited = replace(settings, max_job_memory_bytes=200 << 20)
    job = claimed_job(spool, phantom)
    done = tasks._scored(tasks.TaskContext(limited, spool, registry, worker_metrics()), job)
    assert done is not None
    assert (done.outcome, done.reason) == ("not_scored", Reason.MEMORY_LIMIT)
    assert set(objects(spool, job)) == {"key_image.dcm", "summary_report.dcm"}
    assert np.ones(400 << 20, np.uint8).any()


@pytest.mark.parametrize("keyword", ["PatientID", "StudyInstanceUID"])
def test_an_outline_of_someone_else_is_not_scored(
    spool: Spool, phantom: Phantom, registry: Registry, settings: WorkerSettings, keyword: str
) -> None:
    """The task ends with the coded reason and a report that is filed under the patient of the images."""
    job = claimed_job(spool, phantom)
    seg = as_json(job.record)["seg"]
    path = spool.instance_path(phantom.study_uid, seg["series_uid"], seg["sop_instance_uid"])
    outline = dcmread(path)
    patient = outline.PatientID
    setattr(outline, keyword, "2.25.4711")
    outline.save_as(path)
    done = tasks._scored(tasks.TaskContext(settings, spool, registry, worker_metrics()), job)
    assert done is not None
    assert (done.outcome, done.reason) == ("not_scored", Reason.PATIENT_MISMATCH)
    written = result(spool, job)
    assert (written["score"], written["rejection"]["reason"]) == (None, "patient_mismatch")
    written_objects = objects(spool, job)
    assert set(written_objects) == {"key_image.dcm", "summary_report.dcm"}
    for content in written_objects.values():
        instance = dcmread(BytesIO(content))
        assert (instance.StudyInstanceUID, instance.PatientID) == (phantom.study_uid, patient)
