"""A scoring job in the spool: what is written, what a second run leaves, and which targets get it."""

import copy
from dataclasses import replace
from pathlib import Path

import numpy as np
from pydicom import Dataset, dcmread
from pydicom.pixels.utils import pack_bits
from pydicom.uid import generate_uid

from deploy.simulation.phantom import Phantom
from listener.spool.jobs import JobState, job_id_for
from listener.spool.spool import Spool
from model_store.signatures.registry import Registry
from support.broken_studies import SMALL
from support.claimed_jobs import claimed_job, objects, result
from workers.delivery.outbox import read_deliveries
from workers.jobs import score_job as scoring
from workers.jobs import tasks
from workers.metrics.counters import worker_metrics
from workers.settings import WorkerSettings
from workers.targets.result_filter import ResultFilter, Verdict


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
