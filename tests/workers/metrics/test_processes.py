"""What a worker's processes take of the machine."""

import os
import subprocess
import sys

from support.processes import wait_until
from workers.metrics.processes import PoolCollector

HOLDS_MEMORY = "import sys; held = bytearray(50_000_000); print('ready', flush=True); sys.stdin.read()"


def test_a_pool_counts_with_all_its_processes() -> None:
    """A child that holds 50 MB is seen with its memory, and is gone from the numbers when it ends."""
    before = values()
    with subprocess.Popen([sys.executable, "-c", HOLDS_MEMORY], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdin is not None
        child.stdout.readline()
        during = values()
        child.stdin.close()
        child.wait()
    assert during["radtme_pool_resident_bytes"] - before["radtme_pool_resident_bytes"] > 45_000_000
    assert during["radtme_pool_processes"] == before["radtme_pool_processes"] + 1
    assert before["radtme_pool_cpu_seconds_total"] > 0
    wait_until(lambda: values()["radtme_pool_processes"] == before["radtme_pool_processes"], 10, "the child is gone")


def values() -> dict[str, float]:
    """Return every sample by name."""
    return {s.name: s.value for family in PoolCollector(os.getpid()).collect() for s in family.samples}
