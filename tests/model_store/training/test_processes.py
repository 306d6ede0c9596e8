"""The processes of a training end with it."""

import os
import signal
import sys
from pathlib import Path

import pytest

from model_store.training.processes import process_map
from support.pool_tasks import work
from support.processes import group_lives, start, wait_until

WORKING = """
from model_store.training.processes import process_map
from support.pool_tasks import mark_and_hang
with process_map(2) as mapped:
    list(mapped(mark_and_hang, {paths!r}))
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL], ids=lambda number: number.name)
def test_no_process_is_left_when_the_owner_is_stopped(number: signal.Signals, tmp_path: Path) -> None:
    """Only the owner is signalled, while both of its processes are at work; all of them end."""
    marks = [tmp_path / "one", tmp_path / "two"]
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a test in the background has it ignored
    script = WORKING.format(paths=[str(mark) for mark in marks])
    process = start([sys.executable, "-c", script], tmp_path / "log", PYTHONPATH=os.pathsep.join(sys.path))
    signal.signal(signal.SIGINT, before)
    try:
        wait_until(lambda: all(mark.exists() for mark in marks), 120, "both processes to be at work")
        process.send_signal(number)
        process.wait(60)
        wait_until(lambda: not group_lives(process.pid), 60, "its processes to end")
    finally:
        if group_lives(process.pid):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def test_results_come_in_order_and_errors_as_they_are() -> None:
    """As with `map`; what a task raises is what the caller sees."""
    with process_map(2) as mapped:
        assert len(list(mapped(work, ["a", "b", "c"]))) == 3
    with pytest.raises(ValueError, match="SECRET"), process_map(2) as mapped:
        list(mapped(work, ["break", "hang", "hang"]))
