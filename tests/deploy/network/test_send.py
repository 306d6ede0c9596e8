"""Echo, send and the stand-in PACS: over real associations, also with dcmtk on the other side."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner
from pydicom import Dataset, dcmread
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian, JPEGLSLossless, MRImageStorage
from pynetdicom import AE, evt
from pynetdicom.sop_class import Verification

from deploy.cli import radtme
from deploy.configuration.sections import SinkSettings
from deploy.errors import ExitCode, Unreachable
from deploy.network.dicom_files import DicomFile, OtherFile, files_below, read_all
from deploy.network.echo import echo
from deploy.network.peer import Peer
from deploy.network.send import SendOutcome, groups_by_context, send_files
from deploy.stack.sink import Sink
from listener.ledger.target_circuits import Circuit, CircuitState, change_circuit, read_circuit
from support.dicom_objects import data_set_bytes, image
from support.listening import listening
from support.processes import free_port, is_listening, wait_until
from support.rejecting import NEEDS_STORESCP, TRIES, rejecting_storescp


def write_instance(folder: Path, number: int, transfer_syntax: str = ExplicitVRLittleEndian) -> Path:
    """Write a small MR instance without pixels and return its path."""
    dataset = Dataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID = MRImageStorage, f"1.2.3.{number}"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = "1.2.3", "1.2.3.1"
    dataset.PatientID, dataset.InstanceNumber = "X", number
    dataset.ensure_file_meta()
    dataset.file_meta.TransferSyntaxUID = transfer_syntax
    path = folder / f"{number}.dcm"
    dataset.save_as(path, enforce_file_format=True)
    return path


def instances(folder: Path) -> list[DicomFile]:
    """Return what can be sent from a folder."""
    return [file for file in read_all(files_below(folder)) if isinstance(file, DicomFile)]


@pytest.fixture
def sink(tmp_path: Path) -> Iterator[tuple[Peer, Path]]:
    """Run the stand-in PACS on a free port; yields how to reach it and its folder."""
    folder = tmp_path / "pacs"
    server = Sink(SinkSettings(port=0, folder=folder))
    server.start()
    yield Peer("SINK", "127.0.0.1", server.port), folder
    server.stop()


@pytest.fixture
def fickle_peer() -> Iterator[tuple[Peer, dict[str, list[int]]]]:
    """A Storage SCP that answers each instance with the next of the statuses it was given; 0 after that."""
    statuses: dict[str, list[int]] = {}

    def store(event: evt.Event) -> int:
        left = statuses.get(str(event.request.AffectedSOPInstanceUID), [])
        status = left.pop(0) if left else 0
        if status < 0:  # say nothing at all
            event.assoc.abort()
        return status

    entity = AE("FICKLE")
    entity.add_supported_context(MRImageStorage)
    server = entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_STORE, store)])
    yield Peer("FICKLE", "127.0.0.1", server.server_address[1]), statuses
    server.shutdown()


def test_files_arrive_as_they_are(sink, tmp_path):
    """The stand-in PACS holds the same data set bytes, in the transfer syntax that the file has."""
    peer, pacs = sink
    for number, syntax in enumerate([ExplicitVRLittleEndian, ImplicitVRLittleEndian, JPEGLSLossless]):
        write_instance(tmp_path, number, syntax)
    sent = send_files(peer, "US", instances(tmp_path), 10)
    assert [one.outcome for one in sent] == [SendOutcome.STORED] * 3
    for number in range(3):
        original, arrived = tmp_path / f"{number}.dcm", pacs / f"1.2.3.{number}.dcm"
        assert dcmread(arrived) == dcmread(original)
        assert dcmread(arrived).file_meta.TransferSyntaxUID == dcmread(original).file_meta.TransferSyntaxUID


@pytest.mark.parametrize("kept", ["nothing", "meta"])
@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
def test_a_data_set_without_part_10_header_arrives_as_it_is(sink, tmp_path, kept, syntax):
    """Old CDs and raw exports: neither preamble nor File Meta Information, or the latter alone."""
    peer, pacs = sink
    whole = write_instance(tmp_path, 1, syntax)
    expected, content = data_set_bytes(whole), whole.read_bytes()
    whole.write_bytes(expected if kept == "nothing" else content[132:])
    (sent,) = send_files(peer, "US", instances(tmp_path), 10)
    assert sent.outcome is SendOutcome.STORED
    assert data_set_bytes(pacs / "1.2.3.1.dcm") == expected
    assert dcmread(pacs / "1.2.3.1.dcm").file_meta.TransferSyntaxUID == syntax


def test_a_data_set_without_part_10_header_says_what_it_lacks(tmp_path):
    """A file without SOP class or transfer syntax cannot be sent, and the reason names what is missing."""
    dataset = dcmread(write_instance(tmp_path, 1))
    del dataset.SOPClassUID
    dataset.save_as(tmp_path / "1.dcm")
    (tmp_path / "1.dcm").write_bytes(data_set_bytes(tmp_path / "1.dcm"))
    compressed = data_set_bytes(write_instance(tmp_path, 2))
    (tmp_path / "2.dcm").write_bytes(compressed + b"\xe0\x7f\x10\x00OB\0\0\xff\xff\xff\xff")
    reasons = [file.reason for file in read_all(files_below(tmp_path)) if isinstance(file, OtherFile)]
    assert "lacks SOPClassUID" in reasons[0]
    assert "pixels are compressed" in reasons[1]


def test_what_is_no_instance_is_named_and_never_stops_anything(tmp_path):
    """Text, an empty file, a cut one, a DICOMDIR: counted with the reason, or passed over."""
    path = write_instance(tmp_path, 1)
    (tmp_path / "readme.txt").write_text("hello")
    (tmp_path / "empty").touch()
    (tmp_path / "cut.dcm").write_bytes(path.read_bytes()[:150])
    index = dcmread(path)
    index.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.1.3.10"
    index.save_as(tmp_path / "DICOMDIR")
    found = list(read_all(files_below(tmp_path)))
    others = {file.path.name: file.reason for file in found if isinstance(file, OtherFile)}
    assert set(others) == {"readme.txt", "empty", "cut.dcm"}
    assert others["readme.txt"] == "not a DICOM file"
    assert [file.path.name for file in found if isinstance(file, DicomFile)] == ["1.dcm"]
    assert found.count(None) == 1


def test_no_answer_is_sent_once_more(fickle_peer, tmp_path):
    """After a lost answer the same object is sent again, over a new association."""
    peer, statuses = fickle_peer
    for number in range(4):
        write_instance(tmp_path, number)
    statuses["1.2.3.1"] = [-1]
    sent = send_files(peer, "US", instances(tmp_path), 2)
    assert [one.outcome for one in sent] == [SendOutcome.STORED] * 4


def test_what_stays_without_an_answer_is_unknown(fickle_peer, tmp_path):
    """Two missing answers are not a success, and the other files arrive."""
    peer, statuses = fickle_peer
    for number in range(3):
        write_instance(tmp_path, number)
    statuses["1.2.3.1"] = [-1, -1]
    sent = send_files(peer, "US", instances(tmp_path), 2)
    assert [one.outcome for one in sent] == [SendOutcome.STORED, SendOutcome.UNKNOWN, SendOutcome.STORED]


def test_a_refusal_is_final_and_a_warning_is_not(fickle_peer, tmp_path):
    """0xC000 is refused, 0xB000 stored with a remark (PS3.4 table B.2-1)."""
    peer, statuses = fickle_peer
    for number in range(2):
        write_instance(tmp_path, number)
    statuses.update({"1.2.3.0": [0xC000], "1.2.3.1": [0xB000]})
    sent = send_files(peer, "US", instances(tmp_path), 10)
    assert [(one.outcome, one.answer) for one in sent] == [
        (SendOutcome.REFUSED, "cannot understand (status 0xC000)"),
        (SendOutcome.STORED, "coercion of data elements (status 0xB000)"),
    ]


def test_a_transfer_syntax_that_the_peer_does_not_take(fickle_peer, tmp_path):
    """One kind that is not accepted does not stop the others."""
    peer, _ = fickle_peer
    write_instance(tmp_path, 0, JPEGLSLossless)
    write_instance(tmp_path, 1)
    sent = send_files(peer, "US", instances(tmp_path), 10)
    assert [one.outcome for one in sent] == [SendOutcome.NOT_ACCEPTED, SendOutcome.STORED]


def test_more_kinds_than_one_association_holds():
    """128 presentation contexts fit one association (PS3.8 section 9.3.2.2)."""
    files = [DicomFile(Path(str(n)), f"1.2.{n % 150}", f"1.3.{n}", "1.2.840.10008.1.2") for n in range(300)]
    groups = groups_by_context(files)
    assert [len({file.sop_class_uid for file in group}) for group in groups] == [128, 22]
    assert sum(map(len, groups)) == 300


@pytest.mark.parametrize("presses", [1, 3])
def test_ctrl_c_ends_the_wait_for_a_silent_peer(tmp_path, presses):
    """At once, and with one line, however often it is pressed; pynetdicom's threads went on until the time limit."""
    with socket.create_server(("127.0.0.1", 0)) as silent, (tmp_path / "said").open("w") as said:
        address = f"PACS@127.0.0.1:{silent.getsockname()[1]}"
        before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a test in the background has it ignored
        command = [sys.executable, "-m", "deploy", "echo", address, "--timeout", "900"]
        with subprocess.Popen(command, stderr=said, env={**os.environ, "RADTME_DATA": str(tmp_path)}) as process:
            signal.signal(signal.SIGINT, before)
            connection, _ = silent.accept()
            for _ in range(presses):
                process.send_signal(signal.SIGINT)
                time.sleep(0.1)
            assert process.wait(120) == ExitCode.INTERRUPTED
            connection.close()
    assert (tmp_path / "said").read_text().splitlines()[-1] == "interrupted"


def test_echo_says_what_is_wrong():
    """Connection refused, unknown host, no DICOM, rejected: each has its own message."""
    port = free_port()
    with pytest.raises(Unreachable, match="nothing listens"):
        echo(Peer("X", "127.0.0.1", port), "US", 60)
    with pytest.raises(Unreachable, match="is not known"):
        echo(Peer("X", "no-such-host.invalid", 104), "US", 60)
    with socket.create_server(("127.0.0.1", 0)) as mute, pytest.raises(Unreachable, match="does not answer"):
        echo(Peer("X", "127.0.0.1", mute.getsockname()[1]), "US", 1)
    entity = AE("STRICT")
    entity.require_called_aet = True
    entity.add_supported_context(Verification)
    server = entity.start_server(("127.0.0.1", 0), block=False)
    try:
        with pytest.raises(Unreachable, match="rejected the association") as caught:
            echo(Peer("OTHER", "127.0.0.1", server.server_address[1]), "US", 60)
        assert "AE title OTHER" in caught.value.advice
        assert echo(Peer("STRICT", "127.0.0.1", server.server_address[1]), "US", 60).echo_seconds > 0
    finally:
        server.shutdown()


@NEEDS_STORESCP
def test_echo_names_the_reason_of_each_rejection(tmp_path):
    """Also where the peer closes the connection right after its A-ASSOCIATE-RJ."""
    with rejecting_storescp(tmp_path) as port:
        for _ in range(TRIES):
            with pytest.raises(Unreachable, match="rejected the association: Rejected Permanent"):
                echo(Peer("DCMTK", "127.0.0.1", port), "US", 10)


def test_what_the_listener_put_into_quarantine_was_not_stored(tmp_path):
    """Other content under a known UID, and an object without a study: both named, with where to look."""
    study, changed = tmp_path / "study", tmp_path / "changed"
    study.mkdir()
    changed.mkdir()
    for number in (1, 2):
        image(number).save_as(study / f"{number}.dcm", enforce_file_format=True)
    other = image(1)
    other.PatientID = "another"
    other.save_as(changed / "1.dcm", enforce_file_format=True)
    image(2).save_as(changed / "2.dcm", enforce_file_format=True)
    unreadable = image(3)
    del unreadable.StudyInstanceUID
    unreadable.save_as(changed / "3.dcm", enforce_file_format=True)
    file = tmp_path / "radtme.yaml"
    with listening(tmp_path / "spool") as listener:
        file.write_text(f"listener: {{port: {listener.port}, host: 127.0.0.1}}")
        assert CliRunner().invoke(radtme, ["send", str(study), "--config", str(file)]).exit_code == 0
        done = CliRunner().invoke(radtme, ["send", str(changed), "--config", str(file)])
    assert done.exit_code == 1, done.output
    assert "2 of 3 instances were not stored by" in done.stderr
    for name in ("1.dcm", "3.dcm"):
        assert re.search(rf"^refused: .*{name}: .*in quarantine: ", done.stderr, re.MULTILINE)
    assert "2.dcm" not in done.stderr
    assert "radtme quarantine list" in done.stderr
    assert "is safe" not in done.stderr


@pytest.mark.acceptance
def test_echo_and_send_to_dcmtk(run_radtme, tmp_path):
    """Dcmtk's storescp answers our echo and writes what we send; the commands end with 0."""
    if shutil.which("storescp") is None:
        pytest.skip("needs dcmtk")
    study, received = tmp_path / "study", tmp_path / "received"
    study.mkdir()
    received.mkdir()
    for number in range(3):
        write_instance(study, number)
    (study / "readme.txt").write_text("hello")
    port = free_port()
    storescp = subprocess.Popen(["storescp", "-od", str(received), "-aet", "DCMTK", str(port)])
    try:
        wait_until(lambda: is_listening(port), 30, "storescp")
        assert run_radtme("echo", f"DCMTK@127.0.0.1:{port}").stdout.startswith(f"DCMTK@127.0.0.1:{port}: ok")
        run = run_radtme("send", "study", "--target", f"DCMTK@127.0.0.1:{port}")
    finally:
        storescp.terminate()
        storescp.wait()
    assert run.returncode == 0
    assert "3  MR Image Storage" in run.stdout
    assert "readme.txt: not a DICOM file" in run.stderr
    assert sorted(dcmread(path).InstanceNumber for path in received.iterdir()) == [0, 1, 2]
    gone = run_radtme("echo", f"DCMTK@127.0.0.1:{port}")
    assert gone.returncode == 3
    assert len(gone.stderr.splitlines()) == 2


def test_the_sink_lists_what_it_holds(sink, tmp_path):
    """A second copy replaces the first: one file per instance."""
    peer, pacs = sink
    write_instance(tmp_path, 1)
    for _ in range(2):
        send_files(peer, "US", instances(tmp_path / "1.dcm"), 10)
    assert list(pacs.glob("[!.]*.dcm")) == [pacs / "1.2.3.1.dcm"]


def test_a_successful_echo_closes_the_circuit_of_the_target(spool, tmp_path):
    """The PACS is back: waiting results need not wait for the next probe. Without an answer nothing changes."""
    opened = Circuit(CircuitState.OPEN, 3, 4, datetime.now(UTC) + timedelta(minutes=5), 300.0, datetime.now(UTC), "x")
    file = tmp_path / "radtme.yaml"
    with listening(tmp_path / "pacs") as pacs:
        target = {"name": "pacs", "ae_title": "RADTME", "host": "127.0.0.1", "port": pacs.port}
        file.write_text(yaml.safe_dump({"data": str(spool.root.parent), "targets": [target]}))
        change_circuit(spool.ledger, "pacs", lambda _: opened)
        done = CliRunner().invoke(radtme, ["echo", f"RADTME@127.0.0.1:{pacs.port}", "--config", str(file)])
        assert done.exit_code == 0, done.output
        assert not read_circuit(spool.ledger, "pacs").is_closed
        done = CliRunner().invoke(radtme, ["echo", "pacs", "--config", str(file)])
        assert "its circuit breaker is closed again" in done.output
        assert read_circuit(spool.ledger, "pacs").is_closed
    change_circuit(spool.ledger, "pacs", lambda _: opened)
    assert CliRunner().invoke(radtme, ["echo", "pacs", "--config", str(file)]).exit_code == 3
    assert not read_circuit(spool.ledger, "pacs").is_closed


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_uid_that_is_too_long_ends_no_other_file(tmp_path: Path, sink: tuple[Peer, Path]) -> None:
    """No C-STORE command can hold it: the file is named, and the others are sent."""
    dataset = dcmread(write_instance(tmp_path, 1))
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = "1.2.3." + "1" * 59
    dataset.save_as(tmp_path / "1.dcm", enforce_file_format=True)
    write_instance(tmp_path, 2)
    sent = send_files(sink[0], "TEST", instances(tmp_path), timeout_seconds=20)
    assert [one.outcome for one in sent] == [SendOutcome.UNREADABLE, SendOutcome.STORED]
    assert "has 65 characters" in sent[0].answer
