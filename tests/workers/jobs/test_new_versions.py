"""A new version of a job: what it is compared with, what it sends, and what it waits for."""

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.pixels.utils import pack_bits
from pydicom.uid import generate_uid

from deploy.simulation.phantom import Phantom
from listener.spool.atomic_files import write_json
from listener.spool.job_queries import ready_successors
from listener.spool.jobs import JobState
from listener.spool.spool import Spool
from model_store.signatures.registry import Registry
from support.claimed_jobs import claimed_job, objects, result
from support.records import facts_of
from workers.errors import Reason
from workers.jobs import score_job as scoring
from workers.settings import WorkerSettings


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


def test_a_version_waits_for_the_one_that_it_replaces(spool: Spool, phantom: Phantom) -> None:
    """Its report names the earlier one, so that has to be written first; afterwards the later one is announced."""
    first, second = claimed_job(spool, phantom), claimed_job(spool, phantom, version=2)
    assert scoring.earlier_version_in_work(spool, second) == first.id
    spool.move(second, JobState.READY)
    assert ready_successors(spool.ledger, first.id) == [second.id]
    spool.move(first, JobState.DELIVERING, **facts_of(JobState.DELIVERING))
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
