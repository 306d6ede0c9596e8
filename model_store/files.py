"""Writing to disk so that a power cut leaves the old or the new content, never half of it."""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def write_durably(path: Path, content: bytes) -> None:
    """Write a file into a folder that is not in use yet, and wait until it is on disk."""
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        # A later rename must not reach the disk before the content does.
        os.fsync(file.fileno())


def replace_durably(path: Path, content: bytes) -> None:
    """Replace a file that other processes may be reading."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    temporary.unlink(missing_ok=True)
    try:
        write_durably(temporary, content)
        temporary.rename(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        # A rename is safe from a power cut when its folder is on disk.
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sha256_of(content: bytes) -> str:
    """Return the SHA-256 of these bytes, hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def sha256_of_file(path: Path) -> str:
    """Return the SHA-256 of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def readable_json(value: Mapping[str, Any]) -> bytes:
    """Return values as JSON: sorted, indented, without NaN, ending in a newline; equal values give equal bytes."""
    return (json.dumps(value, sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()
