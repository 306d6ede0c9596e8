"""A model of a disk that loses power: what the listener does to its files is recorded, and replayed as after a crash.

The model promises what `listener.spool.filesystems` asks for and nothing more: fsync of a file keeps its bytes and its
name, fsync of a folder keeps what was added to it and removed from it. All else that was done may or may not have
reached the disk, each by itself and in any order: names, removals, and blocks of files.
"""

import os
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

BLOCK_BYTES = 512
"""Blocks are small, so that small files consist of several."""
MODULES = ("listener.scp.part_files", "listener.spool.atomic_files", "listener.spool.spool")
"""What makes, renames and removes the files of received objects."""


@dataclass(eq=False)
class _File:
    content: bytearray = field(default_factory=bytearray)
    synced: bytes = b""
    """What is on the disk for certain."""


@dataclass(frozen=True)
class _Change:
    """A name that was added, or removed where there is no file, and is not on the disk for certain."""

    path: str
    file: _File | None


class DroppingDisk:
    """Stands between the listener and ``os``; `crash` writes a folder as the disk may be found afterwards."""

    def __init__(self, root: Path, changed: Callable[[], None], *, names_too: bool = True) -> None:
        self._root = str(root)
        self._changed = changed
        """Called before each step, which is when the power may fail."""
        self._names_too = names_too
        self._names: dict[str, _File] = {}
        self._durable: dict[str, _File] = {}
        self._pending: list[_Change] = []
        self._open: dict[int, str] = {}

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Record what the listener does from now on."""
        for module in MODULES:
            monkeypatch.setattr(f"{module}.os", self)

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def open(self, path: Any, flags: int, mode: int = 0o777) -> int:
        """Open a file, or make it: a name that is not on the disk."""
        descriptor = os.open(path, flags, mode)
        self._open[descriptor] = os.fspath(path)
        if flags & os.O_CREAT:
            self._add(os.fspath(path), _File())
        return descriptor

    def write(self, descriptor: int, content: bytes | memoryview) -> int:
        """Write bytes that are not on the disk."""
        self._changed()
        written = os.write(descriptor, content)
        self._names[self._open[descriptor]].content += content[:written]
        return written

    def writev(self, descriptor: int, contents: Sequence[bytes | memoryview]) -> int:
        """Write several bytes one behind the other."""
        return sum(self.write(descriptor, content) for content in contents)

    def rename(self, source: Any, target: Any) -> None:
        """Add a name and remove another one."""
        os.rename(source, target)
        old, new = os.fspath(source), os.fspath(target)
        self._open = {one: new if path == old else path for one, path in self._open.items()}
        self._add(new, self._names[old])
        self._remove(old)

    def link(self, source: Any, target: Any) -> None:
        """Add a name."""
        os.link(source, target)
        self._add(os.fspath(target), self._names[os.fspath(source)])

    def unlink(self, path: Any) -> None:
        """Remove a name."""
        os.unlink(path)
        self._remove(os.fspath(path))

    def fsync(self, descriptor: int) -> None:
        """Bring a file or what happened in a folder to the disk."""
        self._changed()
        path = self._open[descriptor]
        if path in self._names:
            file = self._names[path]
            file.synced = bytes(file.content)
            if self._names_too:
                self._settle(lambda change: change.path == path)
        else:
            self._settle(lambda change: os.path.dirname(change.path) == path)
        self._changed()

    def _add(self, path: str, file: _File) -> None:
        self._changed()
        self._names[path] = file
        self._pending.append(_Change(path, file))

    def _remove(self, path: str) -> None:
        self._changed()
        del self._names[path]
        self._pending.append(_Change(path, None))

    def _settle(self, concerns: Callable[[_Change], bool]) -> None:
        for change in filter(concerns, self._pending):
            self._apply(change, self._durable)
        self._pending = [change for change in self._pending if not concerns(change)]

    @staticmethod
    def _apply(change: _Change, names: dict[str, _File]) -> None:
        if change.file is None:
            names.pop(change.path, None)
        else:
            names[change.path] = change.file

    def crash(self, folder: Path, chance: random.Random) -> None:
        """Write into ``folder`` what may be left of the disk if the power fails now."""
        names = dict(self._durable)
        kept = chance.choice([0.0, 0.5, 1.0])
        removed = chance.choice([0.0, 0.5, 1.0])
        for change in self._pending:
            if chance.random() < (removed if change.file is None else kept):
                self._apply(change, names)
        contents = {id(file): bytes(_torn(file, chance)) for file in names.values()}
        for path, file in names.items():
            target = folder / os.path.relpath(path, self._root)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(contents[id(file)])


def _torn(file: _File, chance: random.Random) -> Iterator[int] | bytes:
    """Return the bytes of a file of which only ``synced`` is certain."""
    if len(file.synced) == len(file.content) or chance.random() < 0.2:
        return bytes(file.content)
    torn = bytearray(file.content)
    for start in range(len(file.synced), len(torn), BLOCK_BYTES):
        if chance.random() < 0.3:
            end = min(start + BLOCK_BYTES, len(torn))
            torn[start:end] = bytes(end - start)
    return bytes(torn[: chance.choice([len(torn), chance.randint(len(file.synced), len(torn))])])
