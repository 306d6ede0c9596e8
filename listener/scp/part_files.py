"""The files that objects are received into, until their names in ``studies`` are safe.

An object is acknowledged after one sync, which covers its bytes and a name in its association's folder. That name says
how long the file is and what its bytes add up to (`listener.scp.whole_files`). The object then gets its name in its
series' folder by a link. Those links are synced for many objects together, and only then the names here are removed:
what a power cut takes from ``studies`` in between, the next start finds here and links again
(`listener.scp.left_over`).
"""

import os
import shutil
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from listener.runtime.logger import Logger
from listener.scp.whole_files import Sum, whole_name
from listener.spool.atomic_files import fsync_folder
from listener.spool.filesystems import fsync_keeps_name

log = Logger(__name__)

MOST_LINKED = 64
"""So many objects are linked before their series' folders are synced."""
MOST_FRAGMENTS = 128
"""Of one write; the system takes 1,024 (IOV_MAX)."""
_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC


class Part:
    """A file that an object is being received into."""

    def __init__(self, descriptor: int, path: str, folder_to_sync: Path | None = None) -> None:
        self._descriptor = descriptor
        self._folder_to_sync = folder_to_sync
        self._sum = Sum()
        self.path = path
        self.size = 0
        """Bytes written so far."""

    def write(self, fragments: Sequence[bytes | memoryview]) -> None:
        """Write the next ``fragments`` whole, at most `MOST_FRAGMENTS`: one call costs less than one for each."""
        size = sum(map(len, fragments))
        written = os.writev(self._descriptor, fragments)
        if written < size:  # a full disk may take a part of it first
            content = memoryview(b"".join(fragments))
            while written < size:
                written += os.write(self._descriptor, content[written:])
        for fragment in fragments:
            self._sum.add(fragment)
        self.size += size

    def seal(self) -> None:
        """Give it the name of a whole file, before `sync`."""
        folder, name = os.path.split(self.path)
        sealed = f"{folder}/{whole_name(name.partition('.')[0], self.size, self._sum.value)}"
        os.rename(self.path, sealed)
        self.path = sealed

    def sync(self) -> None:
        """Wait until every byte is on the disk, and the name too, and close the file; once closed, does nothing."""
        if self._descriptor >= 0:
            # Success is answered after this: the sender may delete its copy then.
            os.fsync(self._descriptor)
            self._close()
            if self._folder_to_sync is not None:
                fsync_folder(self._folder_to_sync)

    def remove(self) -> None:
        """Close the file and remove its name; does nothing where it was moved away.

        What cannot be removed goes with its folder, at the end of the association or at the next start: a disk that
        has become read-only must not cost the sender its answer.
        """
        self._close()
        with suppress(OSError):
            os.unlink(self.path)

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
        self._folder = str(folder)
        self.association = folder.name
        """Whose folder it is."""
        self._number = 0
        self._spare: Part | None = None
        self._linked: list[str] = []
        self._folders: set[str] = set()
        self._folder_to_sync = None if fsync_keeps_name(folder.parent) else folder
        if self._folder_to_sync is not None:
            fsync_folder(folder.parent)

    def open(self) -> Part:
        """Return a new, empty file."""
        spare, self._spare = self._spare or self._new(), None
        return spare

    def prepare(self) -> None:
        """Open the file that the next object will be written to; make links survive a power cut if there are many."""
        if self._spare is None:
            self._spare = self._new()
        if len(self._linked) >= MOST_LINKED:
            self.settle()

    def linked(self, part: Part, folders: Iterable[str]) -> None:
        """Take over a synced part that now has a link in its series' folder as well; ``folders`` have new names."""
        self._linked.append(part.path)
        self._folders.update(folders)

    def settle(self) -> None:
        """Make all links survive a power cut, and remove the names here."""
        for folder in self._folders:
            with suppress(FileNotFoundError):  # removed meanwhile
                fsync_folder(Path(folder))
        self._folders.clear()
        for path in self._linked:
            os.unlink(path)
        self._linked.clear()

    def close(self) -> None:
        """End the association: settle, and remove its folder. Where that fails, the next start does it."""
        try:
            if self._spare is not None:
                self._spare.remove()
            self.settle()
        except OSError as error:
            log.error("links_not_synced", objects=len(self._linked), reason=f"{type(error).__name__}: {error.strerror}")
        else:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _new(self) -> Part:
        self._number += 1  # never the name of a file that was renamed and is not synced yet
        path = f"{self._folder}/{self._number}.part"
        return Part(os.open(path, _FLAGS, 0o640), path, self._folder_to_sync)
