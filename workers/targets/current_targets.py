"""The targets as they are now: the main process replaces them while it runs, its pool processes follow."""

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
    """What the main process put. It holds paths of secrets, and no secret."""

    targets: tuple[Target, ...]


class CurrentTargets:
    """Each process has a copy. A file beside the metrics carries what the main process put; it holds no secret.

    Pool processes take over exactly what was put, never what the configuration file has become since.
    """

    def __init__(self, file: Path, targets: Iterable[Target]) -> None:
        self._file = file
        self._targets = tuple(targets)
        self._seen: Stamp | None = None

    def get(self) -> tuple[Target, ...]:
        """Return the targets, those that were put last by whichever process."""
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
