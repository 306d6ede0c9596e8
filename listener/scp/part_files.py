"""The files that objects are received into."""

import os
import shutil
import time
from contextlib import suppress
from pathlib import Path

from listener.spool.locks import exclusive

_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
_SPARE = "spare"


class Part:
    """A file that an object is being received into."""

    def __init__(self, descriptor: int, path: Path) -> None:
        self._descriptor = descriptor
        self.path = path
        self.size = 0
        """Bytes written so far."""

    def write(self, content: bytes | memoryview) -> None:
        """Write ``content`` whole."""
        written = 0
        while written < len(content):  # a full disk may take a part of it first
            written += os.write(self._descriptor, content[written:] if written else content)
        self.size += written

    def sync(self) -> None:
        """Wait until every byte is on the disk, and close the file; does nothing where it is closed."""
        if self._descriptor >= 0:
            # Success is answered after this: the sender may delete its copy then.
            os.fsync(self._descriptor)
            self._close()

    def remove(self) -> None:
        """Close the file and remove its name; does nothing where it was moved away.

        What cannot be removed goes with its folder, at the end of the association or at the next start: a disk that
        has become read-only must not cost the sender its answer.
        """
        self._close()
        with suppress(OSError):
            self.path.unlink()

    def _close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


class PartFiles:
    """Opens part files in one association's folder, the next one before it is needed.

    Making a file costs ext4 about 0.3 ms. Done between a response and the next request, while the sender reads its next
    object, it costs nothing.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._spare = -1

    def open(self, name: str) -> Part:
        """Return a new, empty file."""
        if self._spare < 0:
            self.prepare()
        path = self._folder / name
        os.rename(self._folder / _SPARE, path)
        descriptor, self._spare = self._spare, -1
        return Part(descriptor, path)

    def prepare(self) -> None:
        """Open the file that the next object will be written to."""
        if self._spare < 0:
            self._spare = os.open(self._folder / _SPARE, _FLAGS, 0o640)

    def close(self) -> None:
        """Close the file that no object came for."""
        if self._spare >= 0:
            os.close(self._spare)
            self._spare = -1


def clear_receiving(receiving: Path) -> int:
    """Remove what dead processes left below ``receiving``; return how many folders.

    A folder whose lock is held belongs to an association of a living listener. Nothing in these folders was ever
    acknowledged.
    """
    cleared = 0
    for entry in os.scandir(receiving):
        folder = Path(entry.path)
        if entry.is_dir(follow_symlinks=False) and _is_left_over(folder):
            shutil.rmtree(folder, ignore_errors=True)
            cleared += 1
    return cleared


def _is_left_over(folder: Path) -> bool:
    if not (folder / "lock").exists():
        return time.time() - folder.stat().st_mtime > 60.0  # another listener may just be making it
    with exclusive(folder) as free:
        return free
