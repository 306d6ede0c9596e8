"""Hostile peers: each is a function of a port, ends by itself in a few seconds, and has another address.

Linux routes all of 127.0.0.0/8 to this machine, so a hostile peer has an address of its own, as on a network.
"""

import random
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from types import MappingProxyType

from pydicom.uid import UID, DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian, MRImageStorage, SegmentationStorage

from listener.scp.command_set import command_pdus
from support.dicom_objects import IMAGES, OUTLINES, image_uid, outline_uid
from support.hostile_objects import deflate_bomb, element, identity, many_items, nested, segmentation
from support.listening import RawPeer, association_request

HOSTILE_ADDRESS = "127.0.0.66"
"""Of a listed machine that an attacker controls."""
FOREIGN_ADDRESSES = tuple(f"127.0.1.{number}" for number in range(1, 51))
"""Of machines that are not listed."""
HONEST, STRANGER = "HONEST", "STRANGER"
"""Calling AE titles: one that is on a receiver's list, one that is not."""
MR_CONTEXT, SEG_CONTEXT = 3, 9
PATIENCE_SECONDS = 8.0
RELEASE = struct.pack(">BxL", 5, 4) + bytes(4)
Attack = Callable[[int, random.Random], None]


@contextmanager
def peer(port: int, timeout: float = PATIENCE_SECONDS) -> Iterator[RawPeer]:
    """Connect as a hostile peer; a connection that the other side closes is expected."""
    with RawPeer(port, HOSTILE_ADDRESS, timeout) as connected, suppress(OSError):
        yield connected


def store_request(uid: str, sop_class: str = str(MRImageStorage), context: int = MR_CONTEXT) -> bytes:
    """Return a C-STORE-RQ as P-DATA-TF PDUs."""

    def part(tag: int, value: bytes) -> bytes:
        value += b"\0" * (len(value) % 2)
        return struct.pack("<HHL", 0, tag, len(value)) + value

    body = part(0x0002, sop_class.encode()) + part(0x0100, b"\1\0") + part(0x0110, b"\1\0") + part(0x0700, b"\0\0")
    body += part(0x0800, b"\1\0") + part(0x1000, uid.encode())
    return command_pdus(context, part(0, struct.pack("<L", len(body))) + body, 0)


def data_pdus(context: int, content: bytes, step: int = 16000) -> bytes:
    """Return a data set as P-DATA-TF PDUs."""
    pdus = []
    for start in range(0, len(content), step):
        piece = content[start : start + step]
        item = struct.pack(">LBB", len(piece) + 2, context, 2 * (start + step >= len(content))) + piece
        pdus.append(struct.pack(">BxL", 4, len(item)) + item)
    return b"".join(pdus)


def store(
    port: int,
    *objects: tuple[str, str, bytes],
    context: int = MR_CONTEXT,
    syntax: UID = ExplicitVRLittleEndian,
    calling: str = HONEST,
) -> list[int]:
    """Send objects (SOP class and instance of the command, data set) on one association; return the statuses."""
    statuses: list[int] = []
    with peer(port, 60) as sender:
        if sender.associate(calling, transfer_syntax=syntax) != 2:
            return statuses
        for sop_class, uid, data_set in objects:
            sender.socket.sendall(store_request(uid, sop_class, context) + data_pdus(context, data_set))
            kind, body = sender.read_pdu()
            at = body.find(struct.pack("<HHL", 0, 0x0900, 2))
            if kind != 4 or at < 0:
                break
            statuses.append(int.from_bytes(body[at + 8 : at + 10], "little"))
        sender.socket.sendall(RELEASE)
    return statuses


def _hold(connected: RawPeer) -> None:
    """Read until the other side disconnects, or until the time limit."""
    end = time.monotonic() + PATIENCE_SECONDS
    with suppress(OSError):
        while time.monotonic() < end and connected.socket.recv(4096):
            pass


def random_bytes(port: int, rng: random.Random) -> None:
    """Noise, before and behind an association."""
    for number in range(20):
        with peer(port) as noisy:
            if number % 2:
                noisy.associate(HONEST)
            noisy.socket.sendall(rng.randbytes(rng.randrange(1, 4000)))


def every_pdu_out_of_order(port: int, rng: random.Random) -> None:
    """Each of the seven types where it does not belong, and types that do not exist."""
    for kind in (*range(10), 255):
        for associated in (False, True):
            with peer(port) as wrong:
                if associated:
                    wrong.associate(HONEST)
                wrong.socket.sendall(struct.pack(">BxL", kind, 4) + bytes(4))
                wrong.read_pdu()


def pdu_of_4_gib(port: int, rng: random.Random) -> None:
    """A PDU length of 4 GiB."""
    for kind in range(1, 8):
        for associated in (False, True):
            with peer(port) as large:
                if associated:
                    large.associate(HONEST)
                large.socket.sendall(struct.pack(">BxL", kind, 0xFFFFFFFF) + bytes(1000))
                large.read_pdu()


def half_a_pdu_and_silence(port: int, rng: random.Random) -> None:
    """An unfinished PDU occupies a connection for as long as it is allowed to."""
    with ExitStack() as open_peers:
        silent = []
        for half in (b"\x01", association_request()[:60], b"\x04\0"):
            silent.append(open_peers.enter_context(peer(port)))
            silent[-1].socket.sendall(association_request(HONEST) * (half[0] == 4) + half)
        for one in silent:
            _hold(one)


def one_byte_per_second(port: int, rng: random.Random) -> None:
    """A byte now and then, so that no timeout for silence ever ends it."""
    with peer(port) as slow:
        slow.associate(HONEST)
        end = time.monotonic() + PATIENCE_SECONDS
        for byte in store_request(image_uid(1)):
            if time.monotonic() > end:
                break
            slow.socket.sendall(bytes([byte]))
            time.sleep(1)


def small_whole_pdus(port: int, rng: random.Random) -> None:
    """Whole PDUs of a byte each: no PDU is ever late, and the object never ends."""
    with peer(port) as slow:
        slow.associate(HONEST)
        slow.socket.sendall(store_request(image_uid(1)))
        end = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < end:
            slow.socket.sendall(struct.pack(">BxLLBB", 4, 7, 3, MR_CONTEXT, 0) + b"\0")
            time.sleep(0.5)


def associations_500(port: int, rng: random.Random) -> None:
    """All at once and each held: half from one address that is let in, half from many that are not."""
    request = association_request(HONEST)
    with ExitStack() as open_peers:
        for number in range(500):
            address = FOREIGN_ADDRESSES[number // 2 % len(FOREIGN_ADDRESSES)] if number % 2 else HOSTILE_ADDRESS
            with suppress(OSError):
                connected = RawPeer(port, address, PATIENCE_SECONDS)
                open_peers.enter_context(connected)
                connected.socket.sendall(request)
        time.sleep(1)


def unknown_titles(port: int, rng: random.Random) -> None:
    """Neither the caller nor the called one is known."""
    for _ in range(10):
        with peer(port) as stranger:
            stranger.associate(STRANGER, "NOBODY")


def nothing(port: int, rng: random.Random) -> None:
    """Connected, or associated, and then silent."""
    with peer(port) as mute, peer(port) as associated:
        associated.associate(HONEST)
        _hold(mute)


def lying_command_sets(port: int, rng: random.Random) -> None:
    """The command names another instance, another class or no UID at all."""
    head, tail = identity(str(MRImageStorage), image_uid(7), IMAGES)
    store(port, (str(MRImageStorage), image_uid(8), head + tail), (str(SegmentationStorage), image_uid(7), head + tail))
    store(
        port, *((str(MRImageStorage), uid, head + tail) for uid in ("../../../../tmp/evil", "1.2/../3", "", "1." * 40))
    )
    for wrong in ("../../evil", "1.2.3/x", "..", "/etc/passwd", "1.2.\0.3"):
        other = element(0x00080016, b"UI", str(MRImageStorage).encode()) + element(0x00080018, b"UI", b"1.2.3")
        other += element(0x0020000D, b"UI", wrong.encode()) + element(0x0020000E, b"UI", wrong.encode())
        store(port, (str(MRImageStorage), "1.2.3", other))


def deflate_bombs(port: int, rng: random.Random) -> None:
    """A few kilobytes on the wire, a hundred megabytes in memory."""
    bomb = deflate_bomb(100, str(MRImageStorage), image_uid(9))
    store(port, (str(MRImageStorage), image_uid(9), bomb), syntax=DeflatedExplicitVRLittleEndian)
    bomb = deflate_bomb(100, str(SegmentationStorage), outline_uid(9), OUTLINES)
    outlined = (str(SegmentationStorage), outline_uid(9), bomb)
    store(port, outlined, context=SEG_CONTEXT, syntax=DeflatedExplicitVRLittleEndian)


def impossible_dimensions(port: int, rng: random.Random) -> None:
    """65,535 frames of 65,535 x 65,535 pixels: an image and a segmentation on it."""
    matrix = element(0x00280008, b"IS", b"65535") + element(0x00280010, b"US", b"\xff\xff")
    matrix += element(0x00280011, b"US", b"\xff\xff") + element(0x7FE00010, b"OW", bytes(64))
    head, tail = identity(str(MRImageStorage), image_uid(10), IMAGES)
    store(port, (str(MRImageStorage), image_uid(10), head + tail + matrix))
    outlined = (str(SegmentationStorage), outline_uid(10), segmentation(after=[matrix], number=10))
    store(port, outlined, context=SEG_CONTEXT)


def deep_and_wide_objects(port: int, rng: random.Random) -> None:
    """Ten thousand nested sequences, before and behind the UIDs; half a million items."""
    for at, hostile in enumerate(
        (
            segmentation(nested(10_000), number=11),
            segmentation(nested(10_000, lengths=True), number=12),
            segmentation(after=[nested(10_000, 0x00620002)], number=13),
            segmentation(after=[many_items(500_000)], number=14),
        ),
        start=11,
    ):
        store(port, (str(SegmentationStorage), outline_uid(at), hostile), context=SEG_CONTEXT)
    head, tail = identity(str(MRImageStorage), image_uid(11), IMAGES)
    store(port, (str(MRImageStorage), image_uid(11), head + tail + nested(10_000, 0x00400275)))


def polyglot_preambles(port: int, rng: random.Random) -> None:
    """A whole file where a data set belongs, whose first 128 bytes make it a program, a script or a page, too."""
    head, tail = identity(str(MRImageStorage), image_uid(20), IMAGES)
    for preamble in (b"MZ\x90\0", b"\x7fELF\2\1\1", b"#!/bin/sh\n", b"<html><script>", b"%PDF-1.7\n"):
        file = preamble.ljust(128, b"\0") + b"DICM" + head + tail
        store(port, (str(MRImageStorage), image_uid(20), file))


def other_content_again_and_again(port: int, rng: random.Random) -> None:
    """The same UID with other bytes each time, to fill the quarantine."""
    head, tail = identity(str(MRImageStorage), image_uid(12), IMAGES)
    store(
        port,
        *(
            (
                str(MRImageStorage),
                image_uid(12),
                head + tail + element(0x00204000, b"LT", rng.randbytes(500).hex().encode()),
            )
            for _ in range(20)
        ),
    )


def broken_off_objects(port: int, rng: random.Random) -> None:
    """Half an object, and the connection is gone."""
    for _ in range(10):
        with peer(port) as rude:
            rude.associate(HONEST)
            rude.socket.sendall(store_request(image_uid(13)) + data_pdus(MR_CONTEXT, bytes(100_000))[:50_000])
            if rng.random() < 0.5:
                rude.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # RST, not FIN


ATTACKS: Mapping[str, Attack] = MappingProxyType(
    {
        attack.__name__: attack
        for attack in (
            random_bytes,
            every_pdu_out_of_order,
            pdu_of_4_gib,
            half_a_pdu_and_silence,
            one_byte_per_second,
            small_whole_pdus,
            associations_500,
            unknown_titles,
            nothing,
            lying_command_sets,
            deflate_bombs,
            impossible_dimensions,
            deep_and_wide_objects,
            polyglot_preambles,
            other_content_again_and_again,
            broken_off_objects,
        )
    }
)


def attack_all(port: int, attacks: Mapping[str, Attack] = ATTACKS) -> None:
    """Run each attack once, all at the same time."""
    threads = [threading.Thread(target=_quietly, args=(attack, port, 1), daemon=True) for attack in attacks.values()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)


@contextmanager
def under_attack(
    port: int, attacks: Mapping[str, Attack] = ATTACKS, pause_seconds: float = 0.5
) -> Iterator[Counter[str]]:
    """Attack in every way at once, again and again, for as long as the block runs; yields how often each was done."""
    stopped, done = threading.Event(), Counter[str]()

    def again(name: str, attack: Attack) -> None:
        while not stopped.is_set():
            _quietly(attack, port, done[name])
            done[name] += 1
            stopped.wait(pause_seconds)

    threads = [threading.Thread(target=again, args=item, daemon=True) for item in attacks.items()]
    for thread in threads:
        thread.start()
    try:
        yield done
    finally:
        stopped.set()
        for thread in threads:
            thread.join(60)


def _quietly(attack: Attack, port: int, seed: int) -> None:
    with suppress(OSError):
        attack(port, random.Random(seed))
