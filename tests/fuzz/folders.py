"""Folders of a fuzzing process."""

from pathlib import Path
from tempfile import TemporaryDirectory

_kept: list[TemporaryDirectory[str]] = []


def folder_of_this_process() -> Path:
    """Return a new folder, which is removed when the process ends."""
    _kept.append(TemporaryDirectory(prefix="radtme-fuzz-"))
    return Path(_kept[-1].name)
