"""Crashes at the worst moment: every acknowledged study is scored once and delivered."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage, SegmentationStorage
from pynetdicom import AE

from deploy.simulation.phantom import Phantom, write_phantom
from listener.runtime.fault_points import VARIABLE, FaultPoint
from listener.spool.jobs import Job, JobState
from support.broken_studies import SMALL
from support.installation import Installation, send
from support.pacs import Orthanc
from support.processes import wait_until
from workers.delivery.outbox import read_deliveries

pytestmark = pytest.mark.acceptance

RESULTS = 4


HOLDS_ITS_JOB = {VARIABLE: f"{FaultPoint.SCORE_COUNTED}:stop"}
"""A worker that takes a job and goes no further: a small case would be over before the kill."""


@pytest.fixture
def parts(tmp_path: Path, pacs: Orthanc) -> Iterator[Installation]:
    """Return an installation without running parts."""
    pacs.clear()
    target = {"name": "pacs", "ae_title": pacs.ae_title, "host": "127.0.0.1", "port": pacs.dicom_port}
    with Installation(tmp_path / "installation", [target]) as one:
        yield one


@pytest.fixture
def phantom(tmp_path: Path) -> Phantom:
    """Return a small study."""
    return write_phantom(tmp_path / "phantom", 77, **SMALL)


def in_state(parts: Installation, state: JobState) -> bool:
    """Return whether the only job lies in a state."""
    return [job.state for job in parts.jobs()] == [state]


def assert_scored_once(parts: Installation, pacs: Orthanc, phantom: Phantom) -> Job:
    """Check that one job was scored, and that the PACS holds its results once and nothing else."""
    [job] = parts.wait_for_jobs(1, 90)
    assert job.state is JobState.DONE
    result = parts.result(job)
    assert result["outcome"] == "scored"
    held = [instance["00080018"]["Value"][0] for instance in pacs.instances(phantom.study_uid)]
    assert sorted(held) == sorted(result["objects"].values())
    assert len(held) == RESULTS
    return job


def test_a_worker_killed_in_the_middle_of_a_job(parts: Installation, pacs: Orthanc, phantom: Phantom) -> None:
    """The next worker continues the job of the dead one."""
    parts.start("redis", "listen")
    send(parts.dicom_port, *phantom.paths)
    wait_until(lambda: in_state(parts, JobState.READY), 60, "the job is ready")
    parts.start("work", **HOLDS_ITS_JOB)
    wait_until(lambda: not in_state(parts, JobState.READY), 120, "the job is taken")
    parts.kill("work")
    assert in_state(parts, JobState.RUNNING), "the kill came too late to test anything"
    parts.start("work")
    assert_scored_once(parts, pacs, phantom)


def test_redis_killed_and_started_empty(parts: Installation, pacs: Orthanc, phantom: Phantom) -> None:
    """The messages are lost; the sweep announces the jobs again. The connected worker reconnects by itself."""
    parts.start("redis", "listen", "work")
    parts.kill("redis")
    send(parts.dicom_port, *phantom.paths)
    wait_until(lambda: in_state(parts, JobState.READY), 60, "intake and pairing go on without Redis")
    parts.start("redis")
    assert_scored_once(parts, pacs, phantom)


def test_the_listener_killed_while_receiving(parts: Installation, pacs: Orthanc, phantom: Phantom) -> None:
    """Every acknowledged object is on disk, byte for byte; the sender sends the rest again, and there is one job."""
    parts.start("redis")
    parts.start("listen", **{VARIABLE: f"{FaultPoint.RECEIVE_ACKNOWLEDGED}:stop:20"})
    acknowledged: list[str] = []
    sender = threading.Thread(target=store_all, args=(parts.dicom_port, phantom, acknowledged))
    sender.start()
    wait_until(lambda: len(acknowledged) >= 20, 60, "some objects are acknowledged")
    parts.kill("listen")
    sender.join(120)
    assert len(acknowledged) == 20 < len(phantom.paths)
    by_uid = {dcmread(path, stop_before_pixels=True).SOPInstanceUID: path for path in phantom.paths}
    kept = {path.stem: path for path in parts.spool.studies.rglob("*.dcm")}
    for uid in acknowledged:
        assert dcmread(kept[uid]) == dcmread(by_uid[uid])
    parts.start("listen", "work")
    assert list(parts.spool.receiving.iterdir()) == [] or all(
        not list(folder.glob("*.part")) for folder in parts.spool.receiving.iterdir()
    )
    send(parts.dicom_port, *phantom.paths)
    assert_scored_once(parts, pacs, phantom)


def store_all(port: int, phantom: Phantom, acknowledged: list[str]) -> None:
    """Send the study and write down which object got 0x0000; goes on until the peer is gone."""
    entity = AE("MODALITY")
    entity.dimse_timeout = entity.network_timeout = 60
    entity.add_requested_context(MRImageStorage, ExplicitVRLittleEndian)
    entity.add_requested_context(SegmentationStorage, ExplicitVRLittleEndian)
    association = entity.associate("127.0.0.1", port, ae_title="RADTME")
    try:
        for path in phantom.paths:
            dataset = dcmread(path)
            status = association.send_c_store(dataset).get("Status")
            if status != 0x0000:
                return
            acknowledged.append(dataset.SOPInstanceUID)
    except RuntimeError:  # the association is gone
        return
    finally:
        association.abort()


def test_a_pacs_that_is_down_gets_everything_when_it_comes_back(
    parts: Installation, pacs: Orthanc, phantom: Phantom
) -> None:
    """Results wait with growing pauses; a target that refuses connections only causes a delay."""
    text = parts.configuration.read_text()
    parts.configuration.write_text(text.replace(f"port: {pacs.dicom_port}", "port: 1"))
    parts.start()
    send(parts.dicom_port, *phantom.paths)
    wait_until(lambda: in_state(parts, JobState.DELIVERING), 60, "the results lie ready")
    wait_until(lambda: tries(parts) >= 2, 120, "a second try was made")
    parts.stop("work")
    parts.configuration.write_text(text)
    parts.start("work")
    job = assert_scored_once(parts, pacs, phantom)
    assert job.state is JobState.DONE
    assert tries(parts) >= 3


def tries(parts: Installation) -> int:
    """Return how often the only job's results were offered to the PACS."""
    return max((one.tries for job in parts.jobs() for one in read_deliveries(parts.spool.ledger, job.id)), default=0)


def test_a_job_that_kills_its_workers_becomes_a_failed_job(parts: Installation, phantom: Phantom) -> None:
    """After three killed workers the job fails with its reason, and the next one is scored."""
    parts.start("redis", "listen")
    send(parts.dicom_port, *phantom.paths)
    wait_until(lambda: in_state(parts, JobState.READY), 60, "the job is ready")
    for number in range(3):
        parts.start("work", **HOLDS_ITS_JOB)
        wait_until(lambda n=number: in_state(parts, JobState.RUNNING) and attempts(parts) > n, 120, "the job is taken")
        parts.kill("work")
    parts.start("work")
    [job] = parts.wait_for_jobs(1)
    assert job.state is JobState.FAILED
    assert job.failure is not None
    assert job.failure.reason == "worker_killed"
    assert "worker_killed" in parts.radtme("status")


def attempts(parts: Installation) -> int:
    """Return how often the only job was begun."""
    return len(parts.jobs()[0].attempts.began)
