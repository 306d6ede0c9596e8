"""Phases that arrive after the result, through the real listener and a worker: they identify the outlined phase."""

from pathlib import Path

import pytest
from pydicom import dcmread

from deploy.network.dicom_files import DicomFile, read_all
from deploy.network.peer import Peer
from deploy.network.send import send_files
from deploy.simulation.phantom import write_phantom
from listener.listener import Listener
from listener.spool.jobs import JobState
from model_store.signatures.acceptance import Criterion
from model_store.signatures.registry import Registry
from support.listening import listening
from support.processes import wait_until
from workers.jobs.score_job import run
from workers.results.result_record import ResultRecord, read_result
from workers.scoring.case_result import ResultOutcome
from workers.settings import WorkerSettings

pytestmark = pytest.mark.acceptance

SMALL = {"slices": 34, "rows": 96, "columns": 96, "spacing_mm": (2.0, 1.6, 1.6), "tumour_diameter_mm": 26.0}


def drawn_on_the_first(outline: Path, phases: tuple[tuple[Path, ...], ...], made: Path) -> Path:
    """Write an outline of the second phase as one of the first phase, which is before contrast."""
    first, second = ([dcmread(path, stop_before_pixels=True) for path in phase] for phase in phases[:2])
    uids = {str(two.SOPInstanceUID): str(one.SOPInstanceUID) for one, two in zip(first, second, strict=True)}
    uids[str(second[0].SeriesInstanceUID)] = str(first[0].SeriesInstanceUID)
    header = dcmread(outline)
    for element in header.iterall():
        if element.VR == "UI":
            element.value = uids.get(str(element.value), element.value)
    header.save_as(made)
    return made


def sent_and_scored(listener: Listener, registry: Registry, paths: list[Path]) -> ResultRecord:
    """Send files, process the job that they make ready, and return its result."""
    files = [file for file in read_all(paths) if isinstance(file, DicomFile)]
    send_files(Peer("RADTME", "127.0.0.1", listener.port), "SCANNER", files, timeout_seconds=30)
    wait_until(lambda: any(listener.spool.jobs(JobState.READY)), 60, "a job being ready")
    [job] = listener.spool.jobs(JobState.READY)
    running = listener.spool.move(job, JobState.RUNNING)
    assert running is not None
    # The phantom's grey values before contrast are far from those of the training cases.
    settings = WorkerSettings(
        listener.spool.root,
        registry.root,
        criteria_as_notes=(Criterion.FEATURE_RANGE, Criterion.TRAINING_DISTANCE),
    )
    run(listener.spool, running, registry, settings)
    done = listener.spool.find_job(job.id)
    result = read_result(done) if done is not None else None
    assert result is not None
    return result


def test_an_outline_before_contrast_is_recognised_when_the_other_phases_come(tmp_path: Path) -> None:
    """Scored while its series is alone; refused, in the earlier result's place, when the next phase has come."""
    phantom = write_phantom(tmp_path / "study", 7, separate_series=True, **SMALL)
    outline = drawn_on_the_first(phantom.seg_path, phantom.image_paths, tmp_path / "seg.dcm")
    registry = Registry(tmp_path / "signatures")
    registry.ensure_shipped()
    with listening(tmp_path / "spool", settle_unreferenced_seconds=1.0) as listener:
        alone = sent_and_scored(listener, registry, [*phantom.image_paths[0], outline])
        refused = sent_and_scored(listener, registry, list(phantom.image_paths[1]))
        again = sent_and_scored(listener, registry, list(phantom.image_paths[2]))
        versions = {job.id: job.record for job in listener.spool.jobs()}
    assert alone.outcome is ResultOutcome.SCORED
    assert refused.rejection is not None
    assert refused.rejection.reason == "before_contrast"
    assert versions[refused.job_id].replaces == alone.job_id
    assert again.outcome is ResultOutcome.UNCHANGED
