"""File systems of a test's own: small, or read-only for a while."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from support.processes import wait_until


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
