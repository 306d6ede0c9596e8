"""A Dask scheduler and its workers, as processes of other machines would be."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support.processes import free_port, running

DASK = str(Path(sys.executable).with_name("dask"))
HERE = {"PYTHONPATH": os.pathsep.join(sys.path)}
"""They import what this process imports."""
WORKER_LOG = "worker.log"


@contextmanager
def dask_scheduler(folder: Path, threads: int = 1) -> "Iterator[tuple[str, subprocess.Popen[bytes]]]":
    """Run a scheduler and two workers for the block; yield its address and its process. Logs go to ``folder``."""
    with _scheduler(folder) as (address, process), dask_worker(address, folder / WORKER_LOG, threads, number=2):
        yield address, process


@contextmanager
def lone_scheduler(folder: Path) -> Iterator[str]:
    """Run a scheduler without workers for the block; yield its address."""
    with _scheduler(folder) as (address, _):
        yield address


@contextmanager
def dask_worker(address: str, log: Path, threads: int = 1, number: int = 1) -> Iterator[None]:
    """Run workers of a scheduler for the block."""
    options = ["--nworkers", str(number), "--nthreads", str(threads), "--no-dashboard"]
    with running([DASK, "worker", address, *options], log, **HERE):
        yield


@contextmanager
def _scheduler(folder: Path) -> "Iterator[tuple[str, subprocess.Popen[bytes]]]":
    port = free_port()
    command = [DASK, "scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard"]
    with running(command, folder / "scheduler.log", port, **HERE) as process:
        yield f"tcp://127.0.0.1:{port}", process
