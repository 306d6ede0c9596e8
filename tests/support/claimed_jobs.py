"""Jobs of a small study, as a worker has just claimed them, and what they leave."""

from collections.abc import Mapping
from typing import Any

from pydicom import dcmread

from deploy.simulation.phantom import Phantom
from listener.spool.atomic_files import read_json
from listener.spool.job_record import JobRecord
from listener.spool.jobs import Job, JobState, job_id_for
from listener.spool.record_file import as_json, record_of
from listener.spool.spool import Spool
from support.records import job_record


def keep_study(spool: Spool, phantom: Phantom) -> None:
    """Keep the study in a spool as the listener does; what is there already stays."""
    spool.prepare()
    for path in phantom.paths:
        header = dcmread(path, stop_before_pixels=True)
        part = spool.receiving / path.name
        part.write_bytes(path.read_bytes())
        spool.keep(part, header.StudyInstanceUID, header.SeriesInstanceUID, header.SOPInstanceUID)


def claimed_job(spool: Spool, phantom: Phantom, version: int = 1, **changes: object) -> Job:
    """Return the study's job as a worker has just claimed it."""
    seg = dcmread(phantom.seg_path, stop_before_pixels=True)
    images = [dcmread(path, stop_before_pixels=True) for path in phantom.image_paths[1]]
    job_id = job_id_for(seg.SOPInstanceUID, version)
    content: Mapping[str, Any] = {
        "job_id": job_id,
        "version": version,
        "replaces": job_id_for(seg.SOPInstanceUID, version - 1) if version > 1 else None,
        "study_uid": phantom.study_uid,
        "seg": {"series_uid": seg.SeriesInstanceUID, "sop_instance_uid": seg.SOPInstanceUID},
        "instances": {images[0].SeriesInstanceUID: [image.SOPInstanceUID for image in images]},
        "not_complete": None,
        **changes,
    }
    complete = {**as_json(job_record(job_id)), **content, "required": content["instances"]}
    job = spool.create_job(record_of(JobRecord, complete, "job.json"), JobState.RUNNING)
    assert job is not None
    return job


def result(spool: Spool, job: Job) -> dict[str, Any]:
    """Return the result of a job, wherever it lies now."""
    found = spool.find_job(job.id)
    assert found is not None
    read = read_json(found.folder / "result.json")
    assert read is not None
    return read


def objects(spool: Spool, job: Job) -> dict[str, bytes]:
    """Return the bytes of the job's result objects by file name."""
    found = spool.find_job(job.id)
    assert found is not None
    return {path.name: path.read_bytes() for path in (found.folder / "objects").iterdir()}
