"""The power fails at any step of receiving: what was acknowledged is there whole, and nothing torn is taken for whole.

Once on a model of a disk that drops whatever was not synced, in any order, and once on the file systems themselves, of
which a copy is mounted that was made in the middle of the work.
"""

import random
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage

from listener.audit.events import Node
from listener.audit.received_studies import ReceivedStudies
from listener.dicom.part10 import file_head
from listener.pairing.arrivals import Arrivals
from listener.scp import c_store, part_files
from listener.scp.c_store import NO_AUDIT, Inbox, IncomingObject
from listener.scp.command_set import Command
from listener.scp.left_over import clear_receiving
from listener.scp.part_files import PartFiles
from listener.scp.presentation_contexts import Context
from listener.scp.quarantine import Quarantine
from listener.scp.statuses import Status
from listener.settings import ListenerSettings
from listener.spool import filesystems
from listener.spool.locks import LOCK_NAME
from listener.spool.spool import Spool
from support.dicom_objects import data_set_bytes, file_bytes, image, image_uid
from support.dropping_disk import DroppingDisk

OBJECTS = 7
MOST_LINKED = 3
IMAGE_BYTES = 304 << 20
"""Of a file system's image; XFS makes none that is much smaller."""
FILE_SYSTEMS = {
    "ext4": ["mkfs.ext4", "-q", "-F"],
    "ext4 without a journal": ["mkfs.ext4", "-q", "-F", "-O", "^has_journal"],
    "xfs": ["mkfs.xfs", "-q", "-f"],
    "btrfs": ["mkfs.btrfs", "-q", "-f"],
}


class Sender:
    """Sends objects to a spool as an association does, and knows which were acknowledged."""

    def __init__(self, spool: Spool, pixel_bytes: int) -> None:
        settings = ListenerSettings(spool=spool.root, min_free_bytes=0)
        quarantine = Quarantine(spool, 1 << 20, 10)
        arrivals = Arrivals(spool.receiving)
        self._inbox = Inbox(spool, settings, quarantine, lambda outline, title: None, lambda identity: None, arrivals)
        self._spool = spool
        self.acknowledged: list[str] = []
        self.sent = {}
        for number in range(1, OBJECTS + 1):
            path = spool.root.parent / "sent.dcm"
            one = image(number)
            one.PixelData = random.Random(number).randbytes(pixel_bytes)
            path.write_bytes(file_bytes(one))
            self.sent[image_uid(number)] = data_set_bytes(path)

    def send_all(self) -> None:
        """Send each object on one association, release it, and send the first one again on another."""
        self._send("first", list(self.sent))
        self._send("second", list(self.sent)[:1])

    def _send(self, name: str, uids: list[str]) -> None:
        folder = self._spool.receiving / name
        folder.mkdir()
        (folder / LOCK_NAME).touch()
        parts = PartFiles(folder)
        studies = ReceivedStudies(NO_AUDIT, Node("A", "127.0.0.1"), Node("B", "127.0.0.1"))
        context = Context(1, MRImageStorage, ExplicitVRLittleEndian)
        for uid in uids:
            incoming = IncomingObject(
                self._inbox, parts, context, Command(1, 1, True, MRImageStorage, uid), "A", studies
            )
            content = memoryview(self.sent[uid])
            for start in range(0, len(content), 1000):
                incoming.write([content[start : start + 1000]])
            assert incoming.finish().status is Status.SUCCESS
            self.acknowledged.append(uid)
            parts.prepare()
        parts.close()

    def assert_safe(self, found: Spool, acknowledged: list[str]) -> None:
        """After a start, every acknowledged object is there, and each one that is there has all of its bytes."""
        (found.root / "receiving").mkdir(exist_ok=True)
        clear_receiving(found)
        instances = {path.stem: path.read_bytes() for path in found.studies.rglob("*.dcm")}
        assert set(acknowledged) <= set(instances)
        for uid, content in instances.items():
            assert content == file_head(MRImageStorage, uid, ExplicitVRLittleEndian) + self.sent[uid], uid
        assert not list(found.receiving.rglob("*.whole"))


@pytest.fixture(autouse=True)
def links_are_synced_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise the few objects of a test would all be linked before the first folder is synced."""
    monkeypatch.setattr(part_files, "MOST_LINKED", MOST_LINKED)
    filesystems.fsync_keeps_name.cache_clear()


def lose_power(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, keeps_name: bool = True, disk_keeps_name: bool = True
) -> int:
    """Crash the model before and after each step of receiving, several times each; return how many times."""
    monkeypatch.setattr(part_files, "fsync_keeps_name", lambda folder: keeps_name)
    spool = Spool(tmp_path / "spool")
    for folder in (spool.receiving, spool.studies, spool.quarantine):
        folder.mkdir(parents=True)
    sender = Sender(spool, pixel_bytes=3000)
    crashes: list[tuple[Path, list[str]]] = []
    chance = random.Random(5)

    def crash() -> None:
        for _ in range(4):
            folder = tmp_path / "found" / str(len(crashes))
            folder.mkdir(parents=True)
            disk.crash(folder, chance)
            crashes.append((folder, list(sender.acknowledged)))

    disk = DroppingDisk(spool.root, crash, names_too=disk_keeps_name)
    with monkeypatch.context() as patch:
        disk.install(patch)
        sender.send_all()
    for folder, acknowledged in crashes:
        sender.assert_safe(Spool(folder), acknowledged)
    return len(crashes)


@pytest.mark.parametrize("keeps_name", [True, False], ids=["fsync keeps the name", "fsync keeps bytes alone"])
def test_a_disk_that_drops_what_is_not_synced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keeps_name: bool
) -> None:
    """In every order that names, removals and blocks may reach it; where fsync keeps no name, the folder is synced."""
    assert lose_power(tmp_path, monkeypatch, keeps_name=keeps_name, disk_keeps_name=keeps_name) > 400


def test_the_model_finds_a_name_that_is_not_synced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Relying on a promise that the disk does not make loses objects."""
    with pytest.raises(AssertionError):
        lose_power(tmp_path, monkeypatch, keeps_name=True, disk_keeps_name=False)


def test_the_model_finds_bytes_that_are_not_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the sum, torn objects would be taken for whole ones."""
    monkeypatch.setattr("listener.scp.left_over.is_whole", lambda path: True)
    with pytest.raises((AssertionError, ValueError)):
        lose_power(tmp_path, monkeypatch)


@pytest.mark.parametrize("name", FILE_SYSTEMS)
def test_file_systems_keep_what_was_acknowledged(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their device is copied at every named step of receiving, and mounted as after a power cut."""
    disk = tmp_path / "disk"
    with disk.open("wb") as file:
        file.truncate(IMAGE_BYTES)
    make = FILE_SYSTEMS[name]
    if shutil.which(make[0]) is None:
        pytest.skip(f"needs {make[0]}")
    subprocess.run([*make, disk], check=True)
    found = tmp_path / "found"
    found.mkdir()
    crashes: list[tuple[Path, list[str]]] = []
    with mounted(disk, found):
        spool = Spool(found / "spool")
        for folder in (spool.receiving, spool.studies, spool.quarantine):
            folder.mkdir(parents=True)
        subprocess.run(["sync", "-f", found], check=True)
        assert filesystems.fsync_keeps_name(spool.receiving)
        sender = Sender(spool, pixel_bytes=100_000)

        def copy(point: object = None) -> None:
            crashes.append((tmp_path / f"disk-{len(crashes)}", list(sender.acknowledged)))
            subprocess.run(["cp", "--sparse=always", disk, crashes[-1][0]], check=True)

        patch_steps(monkeypatch, copy)
        sender.send_all()
        copy()
    for copied, acknowledged in crashes:
        if name == "ext4 without a journal":  # as at every start after a crash; 1: errors were corrected
            assert subprocess.run(["e2fsck", "-fy", copied], check=False, stdout=subprocess.DEVNULL).returncode <= 1
        with mounted(copied, found):
            sender.assert_safe(spool, acknowledged)
        copied.unlink()


def patch_steps(monkeypatch: pytest.MonkeyPatch, copy: Callable[[object], None]) -> None:
    """Call ``copy`` at every named step of receiving, and around each removal of a name."""
    monkeypatch.setattr(c_store, "reach", copy)
    settle = PartFiles.settle

    def settled(parts: PartFiles) -> None:
        copy("acknowledged")
        settle(parts)
        copy("settled")

    monkeypatch.setattr(PartFiles, "settle", settled)


class mounted:  # noqa: N801 - used as a function
    """Mount an image for the block; skips the test where that is not allowed."""

    def __init__(self, image: Path, folder: Path) -> None:
        self._image, self._folder = image, folder

    def __enter__(self) -> None:
        if subprocess.run(["mount", "-o", "loop", self._image, self._folder], check=False).returncode:
            pytest.skip("needs the right to mount a loop device")

    def __exit__(self, *args: object) -> None:
        subprocess.run(["umount", self._folder], check=True)
