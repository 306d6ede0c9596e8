"""Slow, broken or hostile peers: each is disconnected in time, and regular peers are served meanwhile."""

import random
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

import pytest
from pydicom import dcmread

from listener.listener import Listener
from listener.scp.command_set import command_pdus
from support.dicom_objects import IMAGES, STUDY, data_set_bytes, file_bytes, image, image_uid
from support.listening import RawPeer, association_request, listening, store
from support.live_folder import found_below
from support.processes import is_listening, wait_until

MR_CONTEXT = 3
ECHO_CONTEXT = 1
RELEASE = struct.pack(">BxL", 5, 4) + bytes(4)


LONG = 600.0
"""Longer than any test takes: a limit that a test does not wait for."""


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[Listener]:
    """Run a listener whose time limits no regular peer comes near, however busy the machine is."""
    with listening(
        tmp_path / "spool",
        acse_timeout_seconds=LONG,
        pdu_timeout_seconds=LONG,
        idle_timeout_seconds=LONG,
        max_associations=4,
        max_associations_per_peer=3,
    ) as running_listener:
        yield running_listener


def impatient(folder: Path, limit: str, seconds: float = 1.0) -> AbstractContextManager[Listener]:
    """Run a listener with one short time limit: what ends a peer is this one."""
    limits = dict.fromkeys(("acse_timeout_seconds", "pdu_timeout_seconds", "idle_timeout_seconds"), LONG)
    return listening(folder / "spool", **{**limits, limit: seconds})


def command(field: int, uid: str = "1.2.3", sop_class: str = "1.2.840.10008.5.1.4.1.1.4", data_set: int = 1) -> bytes:
    """Return an encoded command set."""

    def element(tag: int, value: bytes) -> bytes:
        value += b"\0" * (len(value) % 2)
        return struct.pack("<HHL", 0, tag, len(value)) + value

    body = (
        element(0x0002, sop_class.encode())
        + element(0x0100, struct.pack("<H", field))
        + element(0x0110, struct.pack("<H", 1))
        + element(0x0700, struct.pack("<H", 0))
        + element(0x0800, struct.pack("<H", data_set))
        + element(0x1000, uid.encode())
    )
    return element(0, struct.pack("<L", len(body))) + body


def data(context_id: int, content: bytes, last: bool = True) -> bytes:
    """Return a P-DATA-TF PDU with one fragment of a data set."""
    item = struct.pack(">LBB", len(content) + 2, context_id, 2 * last) + content
    return struct.pack(">BxL", 4, len(item)) + item


def status(answer: tuple[int, bytes]) -> int:
    """Return the status in a response PDU."""
    pdu_type, body = answer
    assert pdu_type == 4
    position = body.index(struct.pack("<HHL", 0, 0x0900, 2)) + 8
    return int.from_bytes(body[position : position + 2], "little")


def data_set(number: int = 1) -> bytes:
    """Return the encoded data set of an image."""
    content = file_bytes(image(number))
    return content[144 + int.from_bytes(content[140:144], "little") :]


@pytest.mark.parametrize(
    "half",
    [b"\x01", association_request()[:50], b"\x04\0\0\0", b""],
    ids=["one byte", "half a request", "half a header", "nothing"],
)
def test_a_peer_that_falls_silent_before_it_associates_is_ended(tmp_path: Path, half: bytes) -> None:
    """No peer holds a connection beyond the ACSE timeout without an association, whatever it sends."""
    with impatient(tmp_path, "acse_timeout_seconds") as listener, RawPeer(listener.port) as peer:
        peer.socket.sendall(half)
        assert peer.read_pdu()[0] in (0, 7)


def test_half_a_request_gets_no_more_time_than_none(tmp_path: Path) -> None:
    """The ACSE timeout covers the whole request from the connection on; the longer limit for PDUs does not apply."""
    with impatient(tmp_path, "acse_timeout_seconds") as listener, RawPeer(listener.port) as peer:
        peer.socket.sendall(association_request()[:50])
        ended = partial(
            listener.metrics.registry.get_sample_value, "radtme_associations_total", {"outcome": "never_associated"}
        )
        wait_until(lambda: ended() == 1, 240, "the end of the connection")


@pytest.mark.parametrize("half", [b"\x04\0", data(MR_CONTEXT, bytes(1000))[:300]], ids=["header", "data"])
def test_half_a_pdu_and_silence_is_ended_by_the_deadline(tmp_path: Path, half: bytes) -> None:
    """An association with an unfinished PDU is aborted and no longer counts against the limit."""
    with impatient(tmp_path, "pdu_timeout_seconds") as listener:
        with RawPeer(listener.port) as peer:
            assert peer.associate() == 2
            peer.socket.sendall(half)
            assert peer.read_pdu()[0] == 7
        is_open = partial(listener.metrics.registry.get_sample_value, "radtme_associations_open")
        wait_until(lambda: is_open() == 0, 3, "the place is free")


def test_a_dripping_peer_is_ended_too(tmp_path: Path) -> None:
    """The deadline is for the whole PDU: a byte now and then does not move it."""
    with impatient(tmp_path, "pdu_timeout_seconds") as listener, RawPeer(listener.port) as peer:
        assert peer.associate() == 2
        stopped, sent = threading.Event(), bytearray()

        def drip() -> None:
            for byte in data(MR_CONTEXT, bytes(10_000)):  # for longer than anybody waits
                if stopped.wait(0.1):
                    return
                try:
                    peer.socket.sendall(bytes([byte]))
                except OSError:
                    return
                sent.append(byte)

        dripping = threading.Thread(target=drip)
        dripping.start()
        try:
            assert peer.read_pdu()[0] in (0, 7)
        finally:
            stopped.set()
            dripping.join()
        assert len(sent) > 1


def test_an_idle_association_is_ended(tmp_path: Path) -> None:
    """Idle associations count against the limits that others need; one is not ended before its time."""
    with impatient(tmp_path, "idle_timeout_seconds", 2.0) as listener, RawPeer(listener.port) as peer:
        began = time.monotonic()
        assert peer.associate() == 2
        assert peer.read_pdu()[0] == 7
        assert time.monotonic() - began > 1.9


def test_limits_refuse_politely_and_places_come_back(listener: Listener) -> None:
    """The fourth association of one peer is rejected as transient (PS3.8 table 9-21), and accepted after a release."""
    peers = [RawPeer(listener.port) for _ in range(3)]
    assert [peer.associate() for peer in peers] == [2, 2, 2]
    with RawPeer(listener.port) as fourth:
        fourth.socket.sendall(association_request())
        pdu_type, body = fourth.read_pdu()
        assert (pdu_type, body[1]) == (3, 2)
    peers[0].socket.sendall(RELEASE)
    assert peers[0].read_pdu()[0] == 6
    peers[0].socket.close()
    wait_until(
        lambda: listener.metrics.registry.get_sample_value("radtme_associations_open") == 2, 3, "a place is free"
    )
    with RawPeer(listener.port) as next_one:
        assert next_one.associate() == 2
    for peer in peers:
        peer.socket.close()


def test_wrong_titles_are_rejected_for_good(tmp_path: Path) -> None:
    """Result 1, source 1, reasons 3 and 7: calling and called AE title not recognized."""
    with listening(tmp_path / "spool", calling_ae_titles=("PACS",), require_called_ae_title=True) as listener:
        for calling, called, reason in (("OTHER", "RADTME", 3), ("PACS", "OTHER", 7)):
            with RawPeer(listener.port) as peer:
                peer.socket.sendall(association_request(calling, called))
                assert peer.read_pdu() == (3, bytes([0, 1, 1, reason]))
        with RawPeer(listener.port) as peer:
            assert peer.associate("PACS", "RADTME") == 2


@pytest.mark.parametrize("uid", ["../../../tmp/x", "1.2/3", "", "1." + "2" * 80])
def test_a_uid_that_is_none_never_becomes_a_path(listener: Listener, uid: str) -> None:
    """0x0117, nothing is written, and the association continues."""
    with RawPeer(listener.port) as peer:
        assert peer.associate() == 2
        peer.socket.sendall(command_pdus(MR_CONTEXT, command(1, uid), 0) + data(MR_CONTEXT, data_set()))
        assert status(peer.read_pdu()) == 0x0117
        peer.socket.sendall(command_pdus(MR_CONTEXT, command(1, image_uid(1)), 0) + data(MR_CONTEXT, data_set()))
        assert status(peer.read_pdu()) == 0
    wait_until(lambda: not list(listener.spool.receiving.iterdir()), 3, "the association's folder is gone")
    assert [path.stem for path in found_below(listener.spool.root, "*.dcm")] == [image_uid(1)]


def test_another_uid_in_the_data_set_is_refused(listener: Listener) -> None:
    """0xA900, and the object lies in quarantine under the UID of the command."""
    with RawPeer(listener.port) as peer:
        assert peer.associate() == 2
        peer.socket.sendall(command_pdus(MR_CONTEXT, command(1, "1.2.3"), 0) + data(MR_CONTEXT, data_set()))
        assert status(peer.read_pdu()) == 0xA900
    assert [path.name.startswith("1.2.3.") for path in listener.spool.quarantine.glob("*.dcm")] == [True]


@pytest.mark.parametrize(
    ("request_bytes", "expected"),
    [
        (command_pdus(ECHO_CONTEXT, command(0x30, data_set=0x0101), 0), 0x0000),
        (command_pdus(MR_CONTEXT, command(0x20), 0) + data(MR_CONTEXT, b"\0" * 100), 0x0211),
        (command_pdus(MR_CONTEXT, command(0x0150, data_set=0x0101), 0), 0x0211),
        (
            command_pdus(MR_CONTEXT, command(1, sop_class="1.2.840.10008.5.1.4.1.1.2"), 0) + data(MR_CONTEXT, b""),
            0x0122,
        ),
        (command_pdus(MR_CONTEXT, command(1), 0) + data(MR_CONTEXT, random.Random(1).randbytes(5000)), 0xC000),
    ],
    ids=["echo", "find", "n-delete", "other class", "random data set"],
)
def test_requests_get_the_status_that_the_standard_names(
    listener: Listener, request_bytes: bytes, expected: int
) -> None:
    """C-ECHO succeeds, unsupported services and invalid requests get their status, and the association continues."""
    with RawPeer(listener.port) as peer:
        assert peer.associate() == 2
        for _ in range(2):
            peer.socket.sendall(request_bytes)
            assert status(peer.read_pdu()) == expected
        peer.socket.sendall(RELEASE)
        assert peer.read_pdu()[0] == 6


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"\x63\0\0\0\0\x04abcd", 1),
        (association_request(), 2),
        (struct.pack(">BxL", 4, 1 << 30), 6),
        (data(99, b"x"), 6),
        (data(MR_CONTEXT, b"x"), 6),
        (struct.pack(">BxLLBB", 4, 6, 1 << 20, MR_CONTEXT, 3), 6),
        (command_pdus(MR_CONTEXT, b"\xff" * 20, 0), 6),
        (command_pdus(MR_CONTEXT, command(0x8001, data_set=0x0101), 0), 6),
    ],
    ids=["unknown", "second request", "huge", "context", "no command", "item length", "command", "response"],
)
def test_what_the_protocol_forbids_is_aborted(listener: Listener, content: bytes, reason: int) -> None:
    """An A-ABORT of the provider with the reason of PS3.8 table 9-26, and the connection is closed."""
    with RawPeer(listener.port) as peer:
        assert peer.associate() == 2
        peer.socket.sendall(content)
        assert peer.read_pdu() == (7, bytes([0, 0, 2, reason]))
        assert peer.read_pdu()[0] == 0


def test_random_bytes_leave_nothing_behind(listener: Listener) -> None:
    """A hundred connections of random bytes, some after an association: regular peers are served, no thread remains."""
    generator = random.Random(5)
    before = threading.active_count()
    for number in range(100):
        with RawPeer(listener.port) as peer:
            if number % 3 == 0:
                mutated = bytearray(association_request())
                for _ in range(generator.randrange(1, 8)):
                    mutated[generator.randrange(6, len(mutated))] = generator.randrange(256)
                peer.socket.sendall(mutated)
            peer.socket.sendall(generator.randbytes(generator.randrange(1, 400)))
    wait_until(lambda: threading.active_count() <= before + 1, 10, "all association threads have ended")
    assert store(listener.port, image(1)) == [0]
    wait_until(lambda: not list(listener.spool.receiving.iterdir()), 3, "the last folder is gone")


def test_a_peer_that_breaks_off_in_an_object_leaves_nothing_behind(listener: Listener) -> None:
    """Half an object and a closed connection: no part file remains, and the object can be sent again."""
    with RawPeer(listener.port) as peer:
        assert peer.associate() == 2
        peer.socket.sendall(command_pdus(MR_CONTEXT, command(1, image_uid(1)), 0))
        peer.socket.sendall(data(MR_CONTEXT, data_set()[:200], last=False))
        wait_until(lambda: found_below(listener.spool.receiving, "*.part"), 3, "the object is being received")
    wait_until(lambda: not list(listener.spool.receiving.iterdir()), 3, "the folder is gone")
    assert store(listener.port, image(1)) == [0]
    assert listener.spool.instances(STUDY, IMAGES) == {image_uid(1)}


def test_objects_in_many_small_fragments_are_whole(listener: Listener) -> None:
    """Fragments of seven bytes, several in one PDU, command and data in one segment: the bytes are the same."""
    content = data_set()
    with RawPeer(listener.port) as peer:
        assert peer.associate() == 2
        items = b""
        for start in range(0, len(content), 7):
            piece = content[start : start + 7]
            items += struct.pack(">LBB", len(piece) + 2, MR_CONTEXT, 2 * (start + 7 >= len(content))) + piece
        peer.socket.sendall(
            command_pdus(MR_CONTEXT, command(1, image_uid(1)), 100) + struct.pack(">BxL", 4, len(items)) + items
        )
        assert status(peer.read_pdu()) == 0
    kept = listener.spool.instance_path(STUDY, IMAGES, image_uid(1)).read_bytes()
    assert kept.endswith(content)


def test_a_real_objects_bytes_are_kept_as_they_came(listener: Listener, br06: Path) -> None:
    """The data set on disk is the one that was received: nothing is decoded or encoded again."""
    path = next(iter(sorted((br06 / "dce").iterdir())))
    content, uid = data_set_bytes(path), str(dcmread(path, stop_before_pixels=True).SOPInstanceUID)
    with RawPeer(listener.port) as peer:
        assert peer.associate() == 2
        peer.socket.sendall(command_pdus(MR_CONTEXT, command(1, uid), 0))
        for start in range(0, len(content), 16000):
            piece = content[start : start + 16000]
            peer.socket.sendall(data(MR_CONTEXT, piece, last=start + 16000 >= len(content)))
        assert status(peer.read_pdu()) == 0
    (kept,) = listener.spool.studies.rglob("*.dcm")
    assert data_set_bytes(kept) == content
    assert dcmread(kept).file_meta.MediaStorageSOPInstanceUID == uid


def test_stopping_lets_an_object_finish_and_ends_the_idle(tmp_path: Path) -> None:
    """No new connections; the object being received gets its status; after the drain time, associations are aborted."""
    with listening(tmp_path / "spool") as listener, RawPeer(listener.port) as peer:
        assert peer.associate() == 2
        peer.socket.sendall(command_pdus(MR_CONTEXT, command(1, image_uid(1)), 0))
        stopping = threading.Thread(target=listener.stop, args=(5.0,))
        stopping.start()
        wait_until(lambda: not is_listening(listener.port), 3, "no more connections")
        peer.socket.sendall(data(MR_CONTEXT, data_set()))
        assert status(peer.read_pdu()) == 0
        assert peer.read_pdu()[0] == 7
        stopping.join(120)
        assert not stopping.is_alive()
        assert listener.spool.instances(STUDY, IMAGES) == {image_uid(1)}
