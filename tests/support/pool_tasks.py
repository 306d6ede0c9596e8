"""Tasks for child processes, which import them by name."""

import ctypes
import gc
import os
import signal
import tempfile
import time

from distributed import get_worker


def work(task: str) -> str:
    """Do what the task names: die, raise, hang, or return the process id."""
    if task == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if task == "break":
        raise ValueError("SECRET^NAME")
    if task == "hang":
        time.sleep(600)
    if task == "hang in C":
        ctypes.PyDLL(None).sleep(600)  # keeps the interpreter's lock
    return f"{os.getpid()} {os.environ.get('OMP_NUM_THREADS')}"


def settings_of_process(variable: str) -> tuple[str | None, tuple[int, int, int], float, float]:
    """Return a variable of the environment, when Python looks for cycles, and how often (ms) Dask looks at itself."""
    callbacks = get_worker().periodic_callbacks
    looks = callbacks["tick"].callback_time, callbacks["monitor"].callback_time
    return os.environ.get(variable), gc.get_threshold(), *looks


def mark_and_hang(path: str) -> None:
    """Create a file when the task begins, with a temporary folder of its own, and never end."""
    tempfile.mkdtemp()
    with open(path, "x"):
        pass
    time.sleep(600)
