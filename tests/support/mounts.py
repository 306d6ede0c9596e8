"""File systems of a test's own: small, or read-only for a while."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from support.processes import wait_until

EXT4_BYTES = 256 << 20


def close_ledgers() -> None:
    """Close this process's connections to ledgers: it keeps those of every ledger that it opened."""
    database = sys.modules.get("listener.ledger.database")
    for engine in [database._engines.pop(url) for url in list(database._engines)] if database else ():
        engine.dispose()


@contextmanager
def tmpfs(folder: Path, *options: str) -> Iterator[None]:
    """Mount a file system in memory for the block; skips the test where that is not allowed."""
    folder.mkdir(parents=True, exist_ok=True)
    words = ["-o", ",".join(options)] if options else []
    if subprocess.run(["mount", "-t", "tmpfs", *words, "tmpfs", folder], check=False).returncode:
        pytest.skip("needs the right to mount a tmpfs")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


@contextmanager
def tmpfs_for_all(*options: str) -> Iterator[Path]:
    """Mount a file system in memory that other users, such as a database server, may enter; yields its folder.

    Not below pytest's own folder, which every session of pytest that begins closes to them.
    """
    with TemporaryDirectory(prefix="radtme-") as outer:
        Path(outer).chmod(0o711)
        disk = Path(outer) / "disk"
        with tmpfs(disk, *options):
            yield disk


def fill(folder: Path) -> Path:
    """Fill a file system; return the file that does."""
    ballast = folder / "ballast"
    with suppress(OSError), ballast.open("wb", buffering=0) as file:
        while file.write(b"\0" * 65536) == 65536:
            pass
    return ballast


@contextmanager
def ext4(folder: Path, image: Path) -> Iterator[None]:
    """Mount an ext4 file system that an image file holds, for the block; skips the test where that is not allowed.

    The image is made where it does not exist: a second block with it sees what the first one kept.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if not image.exists():
        with image.open("wb") as file:
            file.truncate(EXT4_BYTES)
        subprocess.run(["mkfs.ext4", "-q", "-F", image], check=True)
    if subprocess.run(["mount", "-o", "loop,errors=remount-ro", image, folder], check=False).returncode:
        pytest.skip("needs the right to mount a loop device")
    try:
        yield
    finally:
        close_ledgers()
        subprocess.run(["umount", folder], check=True)


def fail_disk(folder: Path) -> None:
    """Make a mounted ext4 read-only as the kernel does after an error of the disk: also below files that are open."""
    subprocess.run(["mount", "-o", "remount,abort", folder], check=True)


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Let a mounted file system be read-only for the block."""
    _remount(folder, "ro")
    try:
        yield
    finally:
        _remount(folder, "rw")


def _remount(folder: Path, mode: str) -> None:
    command = ["mount", "-o", f"remount,{mode}", folder]  # refused while a file is open for writing
    wait_until(lambda: subprocess.run(command, capture_output=True, check=False).returncode == 0, 60, f"mounted {mode}")
