"""Files that are written whole or not at all, and survive a power cut."""

import contextlib
import json
import os
import secrets
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from listener.runtime.fault_points import FaultPoint, reach

UNFINISHED_SECONDS = 60.0


def fsync_folder(folder: Path) -> None:
    """Make a rename or a new name in ``folder`` survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        # A file system may write the name later than the content.
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_bytes(path: Path, content: bytes) -> None:
    """Write a whole file so that a reader sees the old content or the new one, never a part."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        with open(temporary, "wb") as file:
            file.write(content)
            file.flush()
            # Before the rename: after a power cut the new name could stand for an empty file otherwise.
            os.fsync(file.fileno())
        reach(FaultPoint.FILE_WRITTEN)
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    fsync_folder(path.parent)


def write_new(path: Path, content: bytes) -> None:
    """Write a file in a folder that nobody looks into; its name survives a power cut once the folder is synced."""
    with open(path, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    reach(FaultPoint.FILE_WRITTEN)


def remove_unfinished(folder: Path) -> None:
    """Remove what a process that died while it wrote left in a folder: nobody was told that it is there."""
    for path in folder.glob(".*.tmp"):
        with contextlib.suppress(FileNotFoundError):
            if time.time() - path.stat().st_mtime > UNFINISHED_SECONDS:  # a younger one may just be written
                path.unlink()


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write ``value`` as readable JSON, whole or not at all."""
    write_bytes(path, (json.dumps(value, indent=1, sort_keys=True, allow_nan=False) + "\n").encode())


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object that `write_json` wrote."""
    value = json.loads(path.read_bytes())
    if not isinstance(value, dict):
        raise ValueError(f"{path.name}: expected a JSON object, found {type(value).__name__}")
    return value


def make_folder(folder: Path) -> None:
    """Make ``folder`` and its parents; each new name survives a power cut."""
    missing = []
    while not folder.is_dir():
        missing.append(folder)
        folder = folder.parent
    for new in reversed(missing):
        with contextlib.suppress(FileExistsError):
            new.mkdir()
            fsync_folder(new.parent)


def same_content(first: Path, second: Path) -> bool:
    """Tell whether two files hold the same bytes."""
    if first.stat().st_size != second.stat().st_size:
        return False
    with open(first, "rb") as one, open(second, "rb") as other:
        while block := one.read(1 << 20):
            if block != other.read(len(block)):
                return False
    return True
