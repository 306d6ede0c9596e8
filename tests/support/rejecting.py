"""A peer that rejects each association and closes the connection at once: dcmtk's storescp."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from support.processes import free_port, running

NEEDS_STORESCP = pytest.mark.skipif(shutil.which("storescp") is None, reason="needs dcmtk")
TRIES = 20
"""pynetdicom alone took 22 of 40 rejections by storescp for an abort, so a test needs several."""


@contextmanager
def rejecting_storescp(folder: Path) -> Iterator[int]:
    """Run a storescp that rejects every association; yields its port."""
    port = free_port()
    with running(["storescp", "-od", str(folder), "--refuse", str(port)], folder / "storescp.log", port):
        yield port
