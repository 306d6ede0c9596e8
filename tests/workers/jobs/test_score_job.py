"""A scoring job in the spool: what is written, what a second run and a new version leave."""

import copy
import errno
import time
from collections.abc import Mapping
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from billiard.exceptions import SoftTimeLimitExceeded
from pydicom import Dataset, dcmread
from pydicom.pixels.utils import pack_bits
from pydicom.uid import generate_uid

from deploy.simulation.phantom import Phantom, write_phantom
from listener.spool.atomic_files import read_json, write_json
from listener.spool.job_queries import ready_successors
from listener.spool.job_record import JobRecord
from listener.spool.jobs import Job, JobState, job_id_for
from listener.spool.record_file import as_json, record_of
from listener.spool.spool import Kept, Spool
from model_store.signatures.registry import Registry
from support.broken_studies import SMALL
from support.records import job_record
from workers.delivery.outbox import read_deliveries
from workers.errors import Reason
from workers.features.engine import compiled
from workers.features.engine.choice import Engine, EngineCheck
from workers.jobs import score_job as scoring
from workers.jobs import tasks
from workers.metrics.counters import worker_metrics
from workers.scoring.checked_registry import CheckedRegistry
from workers.settings import WorkerSettings
from workers.targets.result_filter import ResultFilter, Verdict
from workers.targets.target import Target


@pytest.fixture(scope="module")
def phantom(tmp_path_factory: pytest.TempPathFactory) -> Phantom:
    """Return a small study."""
    return write_phantom(tmp_path_factory.mktemp("phantom"), 5, **SMALL)


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    """Return a registry with the shipped signature."""
    registry = Registry(tmp_path_factory.mktemp("signatures"))
    registry.ensure_shipped()
    return registry


@pytest.fixture
def spool(tmp_path: Path, phantom: Phantom) -> Spool:
    """Return a spool that holds the study."""
    spool = Spool(tmp_path / "spool")
    spool.prepare()
    for path in phantom.paths:
        header = dcmread(path, stop_before_pixels=True)
        part = spool.receiving / path.name
        part.write_bytes(path.read_bytes())
        kept = spool.keep(part, header.StudyInstanceUID, header.SeriesInstanceUID, header.SOPInstanceUID)
        assert kept is Kept.NEW
    return spool


@pytest.fixture
def settings(spool: Spool, registry: Registry) -> WorkerSettings:
    """Return settings with one target."""
    return WorkerSettings(spool.root, registry.root, (Target("pacs", "PACS", "127.0.0.1", 1),))


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


def test_results_lie_ready_for_each_target(
    spool: Spool, phantom: Phantom, registry: Registry, settings: WorkerSettings
) -> None:
    """A scored job has its four objects, its outbox entry, and lies in delivering."""
    job = claimed_job(spool, phantom)
    done = scoring.run(spool, job, registry, settings)
    assert (done.outcome, done.reason, done.targets) == ("scored", None, ("pacs",))
    moved = spool.find_job(job.id)
    assert moved is not None
    assert moved.state is JobState.DELIVERING
    assert [one.target for one in read_deliveries(spool.ledger, moved.id)] == ["pacs"]
    written = result(spool, job)
    assert sorted(written["objects"]) == sorted(name.removesuffix(".dcm") for name in objects(spool, job))
    assert len(written["instances"]) == SMALL["slices"]


def test_a_job_taken_over_after_its_objects_were_written_leaves_the_same_bytes(
    spool: Spool, phantom: Phantom, registry: Registry, settings: WorkerSettings
) -> None:
    """A worker that died between writing and moving on changes nothing."""
    job = claimed_job(spool, phantom)
    scoring.run(spool, job, registry, settings)
    before = objects(spool, job)
    moved = spool.find_job(job.id)
    assert moved is not None
    again = spool.move(moved, JobState.RUNNING)
    assert again is not None
    (again.folder / "result.json").unlink()
    scoring.run(spool, again, registry, settings)
    assert objects(spool, job) == before
    assert len(before) == 4


def test_a_new_version_that_finds_the_same_sends_nothing(
    spool: Spool, phantom: Phantom, registry: Registry, settings: WorkerSettings
) -> None:
    """An image of another phase that comes late makes no second report."""
    scoring.run(spool, claimed_job(spool, phantom), registry, settings)
    second = claimed_job(spool, phantom, version=2)
    done = scoring.run(spool, second, registry, settings)
    assert (done.outcome, done.targets) == ("unchanged", ())
    assert objects(spool, second) == {}
    moved = spool.find_job(second.id)
    assert moved is not None
    assert moved.state is JobState.DONE


def test_a_corrected_outline_is_reported_even_where_the_score_stays(
    spool: Spool, phantom: Phantom, registry: Registry, settings: WorkerSettings
) -> None:
    """A forest's score moves in steps: another outline gets its own overlay and volumes, with the same score or not."""
    first = claimed_job(spool, phantom)
    scoring.run(spool, first, registry, settings)
    earlier = result(spool, first)
    moved = spool.find_job(first.id)
    assert moved is not None
    write_json(moved.folder / "result.json", {**earlier, "seg": {"series_uid": "1.2", "sop_instance_uid": "1.2.3"}})
    second = claimed_job(spool, phantom, version=2)
    assert scoring.run(spool, second, registry, settings).outcome == "scored"


def test_a_corrected_outline_is_compared_with_the_earlier_one(
    spool: Spool, phantom: Phantom, registry: Registry, settings: WorkerSettings
) -> None:
    """The result has their overlap, the report a note, the metric a value; late images on one outline are none."""
    first = claimed_job(spool, phantom)
    scoring.run(spool, first, registry, settings)
    assert "correction" not in result(spool, first)
    smaller = dcmread(phantom.seg_path)
    smaller.SOPInstanceUID = smaller.file_meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=["smaller"])
    frames = np.unpackbits(np.frombuffer(smaller.PixelData, np.uint8), bitorder="little")
    frames = frames[: smaller.NumberOfFrames * smaller.Rows * smaller.Columns]
    frames = frames.reshape(smaller.NumberOfFrames, smaller.Rows, smaller.Columns).copy()
    before = int(frames.sum())
    rows = np.nonzero(frames.any(axis=(0, 2)))[0]
    frames[:, : rows[0] + 2] = 0
    after = int(frames.sum())
    smaller.PixelData = pack_bits(frames)
    part = spool.receiving / "smaller"
    smaller.save_as(part, enforce_file_format=True)
    spool.keep(part, smaller.StudyInstanceUID, smaller.SeriesInstanceUID, smaller.SOPInstanceUID)
    seg = {"series_uid": smaller.SeriesInstanceUID, "sop_instance_uid": smaller.SOPInstanceUID}
    second = claimed_job(spool, phantom, version=2, seg=seg)
    done = scoring.run(spool, second, registry, settings)
    assert done.correction is not None
    assert done.correction.dice == pytest.approx(2 * after / (before + after), abs=1e-6)
    assert done.correction.volume_ratio == pytest.approx(after / before, abs=1e-6)
    written = result(spool, second)
    assert written["correction"]["dice"] == done.correction.dice
    assert str(done.correction) in written["notes"]
    assert done.signature.startswith("radtme-research-phantom ")


def test_a_job_that_died_on_its_last_step_is_handed_over_as_it_was(
    spool: Spool, phantom: Phantom, registry: Registry, settings: WorkerSettings
) -> None:
    """Once the result is written, no time limit and no other signature changes it."""
    job = claimed_job(spool, phantom)
    scoring.run(spool, job, registry, replace(settings, targets=()))
    before = result(spool, job)
    moved = spool.find_job(job.id)
    assert moved is not None
    again = spool.move(moved, JobState.RUNNING)
    assert again is not None
    done = scoring.run(spool, again, registry, settings, ended_by=scoring.took_too_long(settings))
    assert (done.outcome, done.targets) == ("scored", ("pacs",))
    assert result(spool, job) == before


def test_a_version_waits_for_the_one_that_it_replaces(spool: Spool, phantom: Phantom) -> None:
    """Its report names the earlier one, so that has to be written first; afterwards the later one is announced."""
    first, second = claimed_job(spool, phantom), claimed_job(spool, phantom, version=2)
    assert scoring.earlier_version_in_work(spool, second) == first.id
    spool.move(second, JobState.READY)
    assert ready_successors(spool.ledger, first.id) == [second.id]
    spool.move(first, JobState.DELIVERING)
    assert scoring.earlier_version_in_work(spool, claimed_job(spool, phantom, version=3)) == second.id


def test_a_new_version_that_finds_something_else_names_what_it_replaces(
    spool: Spool, phantom: Phantom, registry: Registry, settings: WorkerSettings
) -> None:
    """First not scored for want of images, then scored: the second report's predecessor is the first one."""
    closed = {"reason": "missing_instances", "message": "1 of 24 instances missing"}
    first = claimed_job(spool, phantom, not_complete=closed)
    assert scoring.run(spool, first, registry, settings).reason is Reason.MISSING_INSTANCES
    second = claimed_job(spool, phantom, version=2)
    assert scoring.run(spool, second, registry, settings).outcome == "scored"
    earlier, later = result(spool, first), result(spool, second)
    folder = spool.job_folder(second.id)
    report = dcmread(folder / "objects" / "summary_report.dcm")
    named = report.PredecessorDocumentsSequence[0].ReferencedSeriesSequence[0].ReferencedSOPSequence[0]
    assert named.ReferencedSOPInstanceUID == earlier["objects"]["summary_report"]
    assert not set(earlier["objects"].values()) & set(later["objects"].values())


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


def test_without_targets_a_job_is_done(
    spool: Spool, phantom: Phantom, registry: Registry, settings: WorkerSettings
) -> None:
    """Without targets, results stay in the spool."""
    job = claimed_job(spool, phantom)
    scoring.run(spool, job, registry, replace(settings, targets=()))
    moved = spool.find_job(job.id)
    assert moved is not None
    assert moved.state is JobState.DONE
    assert len(objects(spool, job)) == 4


def test_a_filter_decides_which_targets_get_a_result(
    spool: Spool, phantom: Phantom, registry: Registry, settings: WorkerSettings
) -> None:
    """The result names each target that does not get it; what replaces a result goes to whoever has that one."""
    [pacs] = settings.targets
    scores, refusals = (Verdict.HOT, Verdict.COLD, Verdict.UNCERTAIN), (Verdict.NOT_SCORED,)
    targets = (
        replace(pacs, filter=ResultFilter(verdicts=scores)),
        replace(pacs, name="review", filter=ResultFilter(verdicts=refusals)),
    )
    filtered = replace(settings, targets=targets)
    closed = {"reason": "missing_instances", "message": "1 of 24 instances missing"}
    first = claimed_job(spool, phantom, not_complete=closed)
    done = scoring.run(spool, first, registry, filtered)
    assert (done.targets, done.withheld) == (("review",), ("pacs",))
    assert "not_scored" in result(spool, first)["withheld"]["pacs"]
    second = claimed_job(spool, phantom, version=2)
    assert scoring.run(spool, second, registry, filtered).targets == ("pacs", "review")
    assert result(spool, second)["withheld"] == {}


def test_a_result_that_each_filter_holds_back_is_counted(
    spool: Spool, phantom: Phantom, registry: Registry, settings: WorkerSettings
) -> None:
    """Its case is done, and its objects lie in the spool."""
    nobody = replace(settings.targets[0], filter=ResultFilter(senders=("ELSEWHERE",)))
    context = tasks.TaskContext(replace(settings, targets=(nobody,)), spool, registry, worker_metrics())
    job = claimed_job(spool, phantom)
    done = tasks._scored(context, job)
    assert done is not None
    tasks._note_routing(context.metrics, done)
    assert context.metrics.withheld.labels("pacs")._value.get() == 1
    assert context.metrics.sent_nowhere._value.get() == 1
    moved = spool.find_job(job.id)
    assert moved is not None
    assert moved.state is JobState.DONE
    assert len(objects(spool, job)) == 4


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


def test_each_of_several_tumours_gets_results_of_its_own(
    tmp_path: Path, spool: Spool, phantom: Phantom, settings: WorkerSettings, registry: Registry
) -> None:
    """A SEG with a second tumour makes a second job, once; UIDs, series and tracking of both differ."""
    seg = dcmread(phantom.seg_path)
    two = two_tumours(seg)
    part = spool.receiving / "two"
    two.save_as(part, enforce_file_format=True)
    spool.keep(part, two.StudyInstanceUID, two.SeriesInstanceUID, two.SOPInstanceUID)
    job = claimed_job(spool, phantom, seg={"series_uid": two.SeriesInstanceUID, "sop_instance_uid": two.SOPInstanceUID})
    done = scoring.run(spool, job, registry, settings)
    assert done.further == (job_id_for(two.SOPInstanceUID, 1, 2),)
    [second] = spool.jobs(JobState.READY)
    assert second.id == done.further[0]
    running = spool.move(second, JobState.RUNNING)
    assert running is not None
    assert scoring.run(spool, running, registry, settings).further == ()
    results = [result(spool, one) for one in (job, running)]
    assert [one["outcome"] for one in results] == ["scored", "scored"]
    assert results[0]["regions"][0]["voxels"] > results[1]["regions"][0]["voxels"]
    assert not set(results[0]["objects"].values()) & set(results[1]["objects"].values())
    reports = []
    for one in (job, running):
        found = spool.find_job(one.id)
        assert found is not None
        reports.append(dcmread(found.folder / "objects" / "segmentation.dcm"))
    assert [report.SeriesDescription[:20] for report in reports] == ["1/2 Tumour and ring,", "2/2 Tumour and ring,"]
    assert "Satellite" in reports[1].SeriesDescription
    assert reports[1].SegmentSequence[0].TrackingID == "Satellite (segment 2)"
    tracked = [{segment.TrackingUID for segment in report.SegmentSequence} for report in reports]
    assert not tracked[0] & tracked[1]
    assert "tumour 2 of 2" in results[1]["notes"][0]


def two_tumours(seg: Dataset) -> Dataset:
    """Return the outline with a second tumour: the lower part of the first one, cut off from it."""
    frames = np.unpackbits(np.frombuffer(seg.PixelData, np.uint8), bitorder="little")
    frames = frames[: seg.NumberOfFrames * seg.Rows * seg.Columns].reshape(seg.NumberOfFrames, seg.Rows, seg.Columns)
    rows = np.nonzero(frames.any(axis=(0, 2)))[0]
    cut = rows[0] + int(len(rows) * 0.6)
    upper, lower = frames.copy(), frames.copy()
    upper[:, cut:], lower[:, :cut] = 0, 0
    two = copy.deepcopy(seg)
    two.SOPInstanceUID = two.file_meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=["two"])
    shared = two.SharedFunctionalGroupsSequence[0]
    identification = shared.SegmentIdentificationSequence
    del shared.SegmentIdentificationSequence
    groups = []
    for number in (1, 2):
        for group in seg.PerFrameFunctionalGroupsSequence:
            own = copy.deepcopy(group)
            own.SegmentIdentificationSequence = copy.deepcopy(identification)
            own.SegmentIdentificationSequence[0].ReferencedSegmentNumber = number
            groups.append(own)
    two.PerFrameFunctionalGroupsSequence, two.NumberOfFrames = groups, len(groups)
    second = copy.deepcopy(seg.SegmentSequence[0])
    second.SegmentNumber, second.SegmentLabel = 2, "Satellite"
    for keyword in ("TrackingID", "TrackingUID"):
        second.pop(keyword, None)
    two.SegmentSequence = [seg.SegmentSequence[0], second]
    two.PixelData = pack_bits(np.concatenate([upper, lower]).astype(np.uint8))
    return two


@pytest.fixture
def checked(registry: Registry, tmp_path: Path) -> CheckedRegistry:
    """Return the registry as the processes of one worker use it."""
    return CheckedRegistry(registry.root, tmp_path)


def test_a_case_that_both_engines_measure_has_the_results_of_one(
    spool: Spool, phantom: Phantom, checked: CheckedRegistry, settings: WorkerSettings
) -> None:
    """The check of 958 features against pyradiomics passes, is counted, and leaves no trace in the objects."""
    plain, both = (replace(settings, engine_check_interval=interval) for interval in (0, 1))
    job = claimed_job(spool, phantom)
    done = scoring.run(spool, job, checked, both)
    assert (done.outcome, done.engine_check) == ("scored", EngineCheck.EQUAL)
    before = objects(spool, job)
    moved = spool.find_job(job.id)
    assert moved is not None
    again = spool.move(moved, JobState.RUNNING)
    assert again is not None
    (again.folder / "result.json").unlink()
    assert scoring.run(spool, again, checked, plain).engine_check is None
    assert objects(spool, job) == before


def test_a_feature_that_differs_ends_the_scoring_of_the_worker(
    spool: Spool,
    phantom: Phantom,
    checked: CheckedRegistry,
    settings: WorkerSettings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The case ends as not scored with the feature named; the next one is not scored by any process of the worker."""
    measure = compiled._engine.intensity

    def slightly_wrong(*arguments: Any) -> list[float]:
        values = measure(*arguments)
        return [*values[:40], values[40] * (1 + 1e-5), *values[41:]]

    monkeypatch.setattr(compiled._engine, "intensity", slightly_wrong)
    job = claimed_job(spool, phantom)
    done = scoring.run(spool, job, checked, replace(settings, engine_check_interval=1))
    assert (done.outcome, done.reason) == ("not_scored", Reason.ENGINES_DIFFER)
    assert done.engine_check is EngineCheck.DIFFERENT
    assert compiled.INTENSITY_NAMES[40] in result(spool, job)["rejection"]["message"]
    other = CheckedRegistry(checked.root, tmp_path)
    next_one = scoring.run(spool, claimed_job(spool, phantom, version=2), other, settings)
    assert (next_one.outcome, next_one.reason) == ("not_scored", Reason.SIGNATURE_UNUSABLE)


def test_results_name_the_engine_that_measured(
    spool: Spool, phantom: Phantom, checked: CheckedRegistry, settings: WorkerSettings
) -> None:
    """In the algorithm parameters of both reports; pyradiomics gives the same verdict."""
    scores = []
    for version, engine in enumerate(Engine, start=1):
        job = claimed_job(spool, phantom, version=version, replaces=None)
        scoring.run(spool, job, checked, replace(settings, engine=engine))
        scores.append(result(spool, job)["score"]["hot_probability"])
        for name in ("summary_report.dcm", "feature_report.dcm"):
            assert f"feature engine {engine.description}".encode() in objects(spool, job)[name]
    assert scores[0] == scores[1]
