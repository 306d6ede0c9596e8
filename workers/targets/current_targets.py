"""The current targets: the main process replaces them at a reload, and its pool processes follow."""

import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from listener.spool.record_file import read_record, write_record
from workers.targets.target import Target

Stamp = tuple[int, int]


@dataclass(frozen=True)
class TargetsFile:
    """The file with the main process's targets. It holds paths of secrets, and no secret."""

    targets: tuple[Target, ...]


class CurrentTargets:
    """Each process has a copy. A file beside the metrics carries the main process's targets; it holds no secret.

    Pool processes use exactly these, never a configuration file that has changed since.
    """

    def __init__(self, file: Path, targets: Iterable[Target]) -> None:
        self._file = file
        self._targets = tuple(targets)
        self._seen: Stamp | None = None

    def get(self) -> tuple[Target, ...]:
        """Return the current targets."""
        with suppress(FileNotFoundError):  # nothing was put, or the main process has ended
            stamp = _stamp(self._file)
            if stamp != self._seen:
                self._targets = read_record(TargetsFile, self._file).targets
                self._seen = stamp
        return self._targets

    def put(self, targets: Iterable[Target]) -> None:
        """Replace the targets, for all processes."""
        write_record(self._file, TargetsFile(tuple(targets)))


def _stamp(file: Path) -> Stamp:
    found = os.stat(file)
    return found.st_ino, found.st_mtime_ns
