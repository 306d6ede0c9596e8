"""Memory and processor time of the worker's processes: the main one and its pool."""

from collections.abc import Iterable
from contextlib import suppress

import psutil
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector


class PoolCollector(Collector):
    """Memory and processor time of a process and all that it started, also of pool processes that ended."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)

    def collect(self) -> Iterable[Metric]:
        """Yield the number of processes, their resident memory in bytes and their processor time in seconds."""
        count, resident_bytes, cpu_seconds = 0, 0, 0.0
        for process in (self._process, *self._process.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):  # it ended while we looked
                memory, times = process.memory_info(), process.cpu_times()
                count += 1
                resident_bytes += memory.rss
                # Children that ended count for the process that waited for them.
                cpu_seconds += times.user + times.system + times.children_user + times.children_system
        yield GaugeMetricFamily("radtme_pool_processes", "How many processes does this worker have?", value=count)
        yield GaugeMetricFamily(
            "radtme_pool_resident_bytes",
            "How much memory do this worker's processes use?",
            value=resident_bytes,
        )
        yield CounterMetricFamily(
            "radtme_pool_cpu_seconds", "How much CPU time have this worker's processes used?", value=cpu_seconds
        )
