"""What the worker's processes take of the machine: the main one and its pool, from /proc."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

PROC = Path("/proc")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_TICKS = os.sysconf("SC_CLK_TCK")
_TIMES = slice(11, 15)
"""Fields of /proc/<pid>/stat behind the command's name (proc(5)): utime, stime, and those of children that ended."""


class PoolCollector(Collector):
    """Memory and processor time of a process and all that it started, also of pool processes that ended."""

    def __init__(self, pid: int) -> None:
        self._pid = pid

    def collect(self) -> Iterable[Metric]:
        """Yield the number of processes, their resident memory and their processor time."""
        pids = list(tree(self._pid))
        yield GaugeMetricFamily(
            "radtme_pool_processes", "How many processes does this worker consist of?", value=len(pids)
        )
        yield GaugeMetricFamily(
            "radtme_pool_resident_bytes",
            "How much memory do this worker's processes hold, and does it grow?",
            value=sum(map(_resident_bytes, pids)),
        )
        yield CounterMetricFamily(
            "radtme_pool_cpu_seconds", "How busy are this worker's processes?", value=sum(map(_cpu_seconds, pids))
        )


def tree(pid: int) -> Iterator[int]:
    """Yield a process and all its descendants."""
    yield pid
    for children in (PROC / str(pid)).glob("task/*/children"):  # each thread has its own
        for child in _words(children):
            yield from tree(int(child))


def _words(path: Path) -> list[str]:
    try:
        return path.read_text().split()
    except OSError:  # it ended while we looked
        return []


def _resident_bytes(pid: int) -> int:
    words = _words(PROC / str(pid) / "statm")
    return int(words[1]) * _PAGE_BYTES if words else 0


def _cpu_seconds(pid: int) -> float:
    # The command's name stands in brackets and may hold spaces, even brackets.
    words = " ".join(_words(PROC / str(pid) / "stat")).rpartition(")")[2].split()
    return sum(map(int, words[_TIMES])) / _TICKS
