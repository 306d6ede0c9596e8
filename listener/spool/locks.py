"""Locks that the kernel drops when their holder dies."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

LOCK_NAME = "lock"


@contextlib.contextmanager
def waiting_lock(path: Path) -> Iterator[None]:
    """Hold the lock file ``path`` while the block runs, after every other process and thread that holds it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def exclusive(folder: Path, name: str = LOCK_NAME) -> Iterator[bool]:
    """Hold the lock file ``name`` in ``folder`` while the block runs; yields False where another process holds it.

    The kernel drops the lock when its holder dies, however it dies: a lock that is free on a running job means that
    its worker is gone.
    """
    try:
        descriptor = os.open(folder / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    except FileNotFoundError:
        yield False  # the job was removed
        return
    try:
        try:
            # Whoever finds it taken goes on to other work instead of waiting for a case to end.
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True
    finally:
        os.close(descriptor)
