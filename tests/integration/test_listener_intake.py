"""A real listener and real senders: sent objects are stored byte for byte, in one job."""

import json
import random
import shutil
import signal
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    MRImageStorage,
    RLELossless,
    SegmentationStorage,
)
from pynetdicom import AE
from pynetdicom import _config as pynetdicom_config
from redis import Redis

from listener.ledger.quarantine import read_quarantined
from listener.listener import Listener
from listener.settings import DeadlinePolicy, RetrieveSource
from listener.spool.jobs import JobState, job_id_for
from listener.spool.record_file import as_json
from listener.spool.spool import Spool
from support.dicom_objects import (
    IMAGES,
    OUTLINES,
    STUDY,
    data_set_bytes,
    file_bytes,
    image,
    image_uid,
    outline,
    transcoded,
    write,
)
from support.listening import dcmtk, listener_process, listening, store
from support.live_folder import found_below
from support.processes import free_port, running, wait_until

needs_dcmtk = pytest.mark.skipif(shutil.which("dcmsend") is None, reason="needs dcmtk's dcmsend, storescu and echoscu")


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[Listener]:
    """Run a listener on an empty spool."""
    with listening(tmp_path / "spool") as running_listener:
        yield running_listener


@pytest.fixture
def patient_listener(tmp_path: Path) -> Iterator[Listener]:
    """Run a listener whose settle time is longer than a sender's pauses on a busy machine."""
    with listening(tmp_path / "spool", settle_seconds=2.0) as running_listener:
        yield running_listener


def jobs(spool: Spool, *states: JobState) -> list[dict[str, Any]]:
    """Return what the jobs in these states say."""
    return [as_json(job.record) for job in spool.jobs(*states)]


@needs_dcmtk
def test_echo(listener: Listener) -> None:
    """The Verification SOP Class answers dcmtk."""
    assert dcmtk("echoscu", listener.port).returncode == 0


@needs_dcmtk
@pytest.mark.parametrize("order", ["outline_first", "images_first", "twice_and_shuffled"])
def test_br06_ends_in_the_same_job_in_any_order(patient_listener: Listener, br06: Path, order: str) -> None:
    """Outline first, images first, each file twice and shuffled: the same job.json apart from times."""
    listener = patient_listener
    images, seg = sorted((br06 / "dce").iterdir()), br06 / "tumour_seg" / "seg.dcm"
    if order == "twice_and_shuffled":
        files = [*images, seg] * 2
        random.Random(3).shuffle(files)
        sent = dcmtk("dcmsend", listener.port, "--no-uid-checks", *files)
        assert sent.returncode == 0, sent.stderr
    else:
        for what in [seg, br06 / "dce"] if order == "outline_first" else [br06 / "dce", seg]:
            sent = dcmtk("dcmsend", listener.port, "+sd", what)
            assert sent.returncode == 0, sent.stderr
    wait_until(lambda: jobs(listener.spool, JobState.READY), 15, "the job is ready")
    (job,) = jobs(listener.spool)
    head = dcmread(seg, stop_before_pixels=True)
    series = dcmread(images[0], stop_before_pixels=True).SeriesInstanceUID
    assert job["job_id"] == job_id_for(head.SOPInstanceUID, 1)
    assert (job["version"], job["replaces"], job["not_complete"]) == (1, None, None)
    assert job["pairing"] == "instances"
    assert {uid: len(found) for uid, found in job["required"].items()} == {series: 60}
    sent_uids = {str(dcmread(path, stop_before_pixels=True).SOPInstanceUID): path for path in images}
    assert job["instances"] == {series: sorted(sent_uids)}
    for uid, path in [*list(sent_uids.items())[::20], (str(head.SOPInstanceUID), seg)]:
        kept = next(listener.spool.studies.rglob(f"{uid}.dcm"))
        assert dcmread(kept) == dcmread(path)
    wait_until(lambda: not list(listener.spool.receiving.iterdir()), 3, "nothing is left of the associations")
    assert not list(listener.spool.quarantine.iterdir())


@needs_dcmtk
@pytest.mark.parametrize(
    ("transfer_syntax", "option"),
    [
        (ImplicitVRLittleEndian, "-xi"),
        (ExplicitVRLittleEndian, "-xe"),
        (ExplicitVRBigEndian, "-xb"),
        (DeflatedExplicitVRLittleEndian, "-xd"),
        (RLELossless, "-xr"),
    ],
)
def test_every_encoding_is_kept_as_it_came(
    listener: Listener, tmp_path: Path, transfer_syntax: UID, option: str
) -> None:
    """The data set on disk is the one that was sent, in its own transfer syntax, and reads back to the same pixels."""
    plain = write(tmp_path / "plain", [image(1)]) / "0000.dcm"
    sent = tmp_path / "sent.dcm"
    if transfer_syntax == RLELossless:
        object_ = dcmread(plain)
        object_.compress(RLELossless)
        object_.SOPInstanceUID = object_.file_meta.MediaStorageSOPInstanceUID = image_uid(1)
        object_.save_as(sent)
    else:
        transcoded(plain, transfer_syntax, sent)
    result = dcmtk("storescu", listener.port, "-R", option, sent)
    assert result.returncode == 0, result.stderr
    kept = listener.spool.instance_path(STUDY, IMAGES, image_uid(1))
    read = dcmread(kept)
    assert read.file_meta.TransferSyntaxUID == transfer_syntax
    assert read == dcmread(sent)
    if transfer_syntax != DeflatedExplicitVRLittleEndian:  # dcmtk deflates anew
        assert data_set_bytes(kept) == data_set_bytes(sent)


@pytest.mark.parametrize("component", ["99999", "0099999"], ids=["valid", "leading zeros"])
@pytest.mark.parametrize("padding", [b" ", b"\0"], ids=["space", "NUL"])
def test_uids_as_devices_write_them_are_stored_and_paired(
    listener: Listener, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, component: str, padding: bytes
) -> None:
    """A trailing space or NUL is padding and no part of the UID, a leading zero is: answered, in one complete job."""
    monkeypatch.setattr(pynetdicom_config, "STORE_SEND_CHUNKED_DATASET", True)  # files go out byte for byte
    root, mark = STUDY[:-2], "7777"  # stands for the padding: pydicom would strip it
    paths = []
    for number, one in enumerate([image(1), image(2), outline(images=[1, 2])]):
        for element in [element for element in one.iterall() if element.VR == "UI"]:
            if element.value.startswith(root):
                element.value = element.value.replace(".99999.", f".{component}.") + mark
        one.file_meta.MediaStorageSOPInstanceUID = one.SOPInstanceUID.removesuffix(mark)
        paths.append(tmp_path / f"{number}.dcm")
        paths[-1].write_bytes(file_bytes(one).replace(mark.encode(), padding * len(mark)))
    entity = AE("DEVICE")
    entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = 20
    for sop_class in (MRImageStorage, SegmentationStorage):
        entity.add_requested_context(sop_class, ExplicitVRLittleEndian)
    association = entity.associate("127.0.0.1", listener.port)
    assert [association.send_c_store(path).get("Status") for path in paths] == [0, 0, 0]
    association.release()
    wait_until(lambda: jobs(listener.spool, JobState.READY), 15, "the job is ready")
    (job,) = jobs(listener.spool)
    series, *uids = (uid.replace(".99999.", f".{component}.") for uid in (IMAGES, image_uid(1), image_uid(2)))
    assert job["required"] == job["instances"] == {series: uids}
    kept = listener.spool.studies.rglob(f"{uids[0]}.dcm")
    assert uids[0].encode() + padding * len(mark) in next(kept).read_bytes()


def test_images_long_after_the_outline_make_one_new_version(tmp_path: Path) -> None:
    """Closed at the deadline; then the images come in two associations, and everything once more: one new version."""
    with listening(tmp_path / "spool", deadline_seconds=0.5) as listener:
        outline_ = outline(images=[1, 2, 3, 4])
        assert store(listener.port, outline_) == [0]
        wait_until(lambda: jobs(listener.spool, JobState.READY), 15, "the job is closed")
        (closed,) = jobs(listener.spool)
        assert closed["not_complete"]["message"].startswith("4 of 4 instances missing")
        assert store(listener.port, image(1), image(2)) == [0, 0]
        assert store(listener.port, image(3), image(4)) == [0, 0]
        wait_until(lambda: len(jobs(listener.spool)) == 2, 15, "the new version is there")
        again = [*(image(number) for number in (1, 2, 3, 4)), outline_]
        assert store(listener.port, *again) == [0] * 5
        later = outline(images=[1, 2, 3, 4], number=2, series=f"{OUTLINES}9")
        assert store(listener.port, later) == [0]
        later_id = job_id_for(later.SOPInstanceUID, 1)
        wait_until(
            lambda: any(job.id == later_id for job in listener.spool.jobs(JobState.READY)),
            15,
            "all was looked at again",
        )
        versions = {job["version"]: job for job in jobs(listener.spool) if job["job_id"] != later_id}
    assert set(versions) == {1, 2}
    assert (versions[2]["not_complete"], versions[2]["replaces"]) == (None, closed["job_id"])
    assert versions[2]["instances"] == {IMAGES: sorted(image_uid(number) for number in (1, 2, 3, 4))}


def test_bytes_do_not_depend_on_who_sent_them(listener: Listener) -> None:
    """The same object from two senders is one object, not a conflict."""
    assert store(listener.port, image(1), calling="ONE") == [0]
    assert store(listener.port, image(1), calling="TWO") == [0]
    assert not list(listener.spool.quarantine.iterdir())


def test_other_bytes_under_a_known_uid_go_to_quarantine(listener: Listener) -> None:
    """The first copy stays, the second is answered with 0x0111 and put into quarantine with its reason."""
    changed = image(1)
    changed.PixelData = bytes(512)
    assert store(listener.port, image(1), changed, image(2)) == [0, 0x0111, 0]
    (quarantined,) = read_quarantined(listener.spool.ledger)
    assert quarantined.reason.reason == "duplicate_sop_instance"
    assert (listener.spool.quarantine / f"{quarantined.name}.dcm").stat().st_size == quarantined.bytes
    kept = dcmread(listener.spool.instance_path(STUDY, IMAGES, image_uid(1)))
    assert kept.PixelData == image(1).PixelData
    assert "SECRET" not in str(quarantined)


def test_an_acknowledged_outline_has_its_job(listener: Listener) -> None:
    """The job exists before the response is sent; sending the outline again creates no second job."""
    assert store(listener.port, outline(images=[1])) == [0]
    assert [job["seg"]["sop_instance_uid"] for job in jobs(listener.spool)] == [f"{OUTLINES}.1"]
    assert store(listener.port, outline(images=[1])) == [0]
    assert len(jobs(listener.spool)) == 1


def test_one_bad_object_does_not_block_the_rest(listener: Listener) -> None:
    """An object without study UID and an outline with broken references are quarantined; later objects are stored."""
    homeless, broken = image(1), outline(images=[1])
    del homeless.StudyInstanceUID
    frame = broken.PerFrameFunctionalGroupsSequence[0].DerivationImageSequence[0]
    frame.SourceImageSequence[0]["ReferencedSOPInstanceUID"]._value = "a/../b"
    assert store(listener.port, homeless, broken, image(2)) == [0xC000, 0xC003, 0]
    reasons = {one.reason.reason for one in read_quarantined(listener.spool.ledger)}
    assert reasons == {"cannot_understand", "outline_unreadable"}
    assert not jobs(listener.spool)


def test_a_full_disk_is_said_and_nothing_is_left_behind(tmp_path: Path) -> None:
    """Below `min_free_bytes`: 0xA700, which tells a sender to try again later; readiness fails as well."""
    with listening(tmp_path / "spool", min_free_bytes=1 << 60) as listener:
        assert store(listener.port, image(1), image(2)) == [0xA700, 0xA700]
        assert found_below(tmp_path / "spool", "*.dcm") == []
        wait_until(
            lambda: not found_below(tmp_path / "spool", "*.part"),
            15,
            "the file opened ahead for the next object goes with the association",
        )
        assert not listener.readiness()["disk_space"].ok


def test_a_disk_that_fills_up_while_receiving(tmp_path: Path) -> None:
    """ENOSPC in the middle of an object: 0xA700, its bytes are freed, and a smaller object is still stored."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(disk)], capture_output=True)
    if mounted.returncode:
        pytest.skip("needs the right to mount a tmpfs")
    try:
        with listening(disk / "spool") as listener:
            assert store(listener.port, image(1, pixel_bytes=2 << 20), image(2)) == [0xA700, 0]
            # The association's folder goes when it has ended, with the file that was made for a next object.
            wait_until(lambda: not found_below(disk, "*.part"), 10, "the files of the association to go")
            assert listener.spool.instances(STUDY, IMAGES) == {image_uid(2)}
    finally:
        # Lazily: this process still has the ledger open.
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


def test_too_large_objects_are_refused(tmp_path: Path) -> None:
    """Above `max_object_bytes`, nothing is stored and the association continues."""
    with listening(tmp_path / "spool", max_object_bytes=100_000) as listener:
        assert store(listener.port, image(1, pixel_bytes=1 << 17), image(2)) == [0xC002, 0]
        assert listener.spool.instances(STUDY, IMAGES) == {image_uid(2)}


@needs_dcmtk
def test_what_was_acknowledged_survives_a_kill(tmp_path: Path) -> None:
    """Killed in the middle of a burst: acknowledged objects are complete on disk, the next start removes the rest."""
    spool = Spool(tmp_path / "spool")
    folder = write(tmp_path / "sent", [image(number, pixel_bytes=1 << 17) for number in range(1, 400)])
    with listener_process(spool.root, tmp_path / "one.log") as (port, process):
        assert store(port, outline(images=range(1, 400))) == [0]
        with subprocess.Popen(
            ["storescu", "-v", "+sd", "127.0.0.1", str(port), str(folder)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        ) as sender:
            wait_until(lambda: len(spool.instances(STUDY, IMAGES)) > 30, 30, "some objects are there")
            process.send_signal(signal.SIGKILL)
            process.wait()
            output = sender.communicate(timeout=60)[0].decode()
    acknowledged = output.count("Received Store Response (Success)")
    kept = sorted(spool.series_folder(STUDY, IMAGES).glob("*.dcm"))
    assert 30 <= acknowledged <= len(kept) <= acknowledged + 1
    originals = {str(dcmread(path, stop_before_pixels=True).SOPInstanceUID): path for path in folder.iterdir()}
    assert all(data_set_bytes(path) == data_set_bytes(originals[path.stem]) for path in kept)
    assert len(jobs(spool, JobState.WAITING)) == 1
    with listener_process(spool.root, tmp_path / "two.log") as (port, _):
        assert list(spool.receiving.iterdir()) == []
        assert dcmtk("dcmsend", port, "+sd", folder).returncode == 0
        wait_until(lambda: jobs(spool, JobState.READY), 15, "the job is ready")
    (job,) = jobs(spool)
    assert len(job["instances"][IMAGES]) == 399
    assert job["version"] == 1


@pytest.mark.skipif(shutil.which("redis-server") is None, reason="needs redis-server")
def test_intake_goes_on_without_redis_and_the_job_is_announced_when_it_comes(tmp_path: Path) -> None:
    """While Redis is unreachable, the job still becomes ready; it is announced later."""
    port = free_port()
    with listening(tmp_path / "spool", redis_url=f"redis://127.0.0.1:{port}/0") as listener:
        assert store(listener.port, outline(images=[1]), image(1)) == [0, 0]
        wait_until(lambda: jobs(listener.spool, JobState.READY), 10, "the job is ready")
        assert listener.readiness()["redis"].ok is False
        assert "radtme_redis_up 0.0" in metrics(listener)
        server = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(tmp_path)]
        with running(server, tmp_path / "redis.log", port):
            redis = Redis(port=port)
            wait_until(lambda: redis.llen("compute"), 15, "the job is announced")
            message = json.loads(redis.lindex("compute", 0))
            assert message["headers"]["task"] == "workers.tasks.score"
            assert message["content-type"] == "application/json"
            assert message["headers"]["argsrepr"] == f"['{jobs(listener.spool)[0]['job_id']}']"
            assert 'radtme_queue_depth{queue="compute"} 1.0' in metrics(listener)
            redis.close()


def metrics(listener: Listener) -> str:
    """Return the exposition text."""
    with urllib.request.urlopen(f"http://127.0.0.1:{listener.metrics_port}/metrics", timeout=10) as response:
        return str(response.read().decode())


def test_metrics_answer_without_patient_data(listener: Listener) -> None:
    """Objects by class and outcome, jobs by state; nothing about patient or study, and no unknown value as a label."""
    store(listener.port, outline(images=[1, 2]), image(1), image(1))
    wait_until(lambda: 'outcome="duplicate"' in metrics(listener), 5, "the last object is counted")
    text = metrics(listener)
    assert 'radtme_objects_received_total{outcome="new",sop_class="mr"} 1.0' in text
    assert 'radtme_objects_received_total{outcome="duplicate",sop_class="mr"} 1.0' in text
    assert 'radtme_jobs{state="waiting"} 1.0' in text
    assert "radtme_cases_received_total 1.0" in text
    assert 'radtme_peer_cases_total{calling_ae_title="SENDER"} 1.0' in text
    assert 'radtme_peer_objects_total{calling_ae_title="SENDER",outcome="new"} 2.0' in text
    waiting = 'radtme_jobs_waiting{reason="images"} 1.0'
    wait_until(lambda: waiting in metrics(listener), 20, "what it waits for is shown")
    assert "SECRET" not in text
    assert STUDY not in text
    if shutil.which("promtool"):
        checked = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True)
        assert "error" not in checked.stderr.lower(), checked.stderr


@pytest.mark.skipif(shutil.which("Orthanc") is None, reason="needs Orthanc")
def test_missing_images_are_fetched_from_the_pacs(tmp_path: Path) -> None:
    """Policy `fetch`: at the deadline a real PACS is asked by C-MOVE, and sends exactly what is missing."""
    pacs_port, our_port = free_port(), free_port()
    configuration = {
        "StorageDirectory": str(tmp_path / "pacs"),
        "IndexDirectory": str(tmp_path / "pacs"),
        "DicomPort": pacs_port,
        "DicomAet": "PACS",
        "HttpServerEnabled": False,
        "DicomModalities": {"radtme": ["RADTME", "127.0.0.1", our_port]},
        "DicomAlwaysAllowStore": True,
        "Plugins": [],
    }
    (tmp_path / "orthanc.json").write_text(json.dumps(configuration))
    with (
        running(["Orthanc", str(tmp_path / "orthanc.json")], tmp_path / "orthanc.log", pacs_port, TCP_NODELAY="1"),
        listening(
            tmp_path / "spool",
            port=our_port,
            deadline_seconds=1.0,
            deadline_policy=DeadlinePolicy.FETCH,
            retrieve_from=RetrieveSource("PACS", "127.0.0.1", pacs_port),
        ) as listener,
    ):
        assert store(pacs_port, *(image(number) for number in range(1, 6))) == [0] * 5
        assert store(our_port, outline(images=[1, 2, 3]), image(1)) == [0, 0]
        wait_until(lambda: jobs(listener.spool, JobState.READY), 20, "the job is ready")
        (job,) = jobs(listener.spool, JobState.READY)
        assert job["fetched"]
        assert job["not_complete"] is None
        assert job["instances"] == {IMAGES: [image_uid(number) for number in (1, 2, 3)]}
