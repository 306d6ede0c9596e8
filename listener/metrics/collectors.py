"""What is asked of the pairing, the spool and Redis at each scrape, and needs no counter."""

import math
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from listener.pairing.evidence import WaitsFor
from listener.spool.job_files import is_held
from listener.spool.jobs import JobState
from listener.spool.spool import Spool

_OPEN_STATES = (JobState.WAITING, JobState.READY, JobState.RUNNING, JobState.DELIVERING, JobState.FAILED)
_HOLDABLE_STATES = (JobState.WAITING, JobState.READY, JobState.RUNNING, JobState.DELIVERING)


class PairingCollector(Collector):
    """What jobs wait for, and the number of cases of a study, as of the last scan of the pairer."""

    def __init__(self, waits: Callable[[], Mapping[WaitsFor, int]], most_cases: Callable[[], int]) -> None:
        self._waits = waits
        self._most_cases = most_cases

    def collect(self) -> Iterable[Metric]:
        """Yield the number of waiting jobs by what they wait for, and the most cases of one study."""
        yield GaugeMetricFamily(
            "radtme_study_cases_per_hour",
            "How many cases did the busiest study get in the last hour? Many: results may be sent back.",
            value=self._most_cases(),
        )
        family = GaugeMetricFamily("radtme_jobs_waiting", "How many jobs wait, and for what?", labels=["reason"])
        for reason, count in self._waits().items():
            family.add_metric([reason.value], count)
        yield family


class SpoolCollector(Collector):
    """Reads the spool at each scrape: no counter that would be wrong after a restart."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool

    def collect(self) -> Iterable[Metric]:
        """Yield jobs, their ages, quarantine and free space."""
        jobs = GaugeMetricFamily("radtme_jobs", "How many jobs are in each state?", labels=["state"])
        ages = GaugeMetricFamily(
            "radtme_job_oldest_seconds",
            "How old is the oldest job in this state that is not on hold, since it was created or became ready?",
            labels=["state"],
        )
        held = GaugeMetricFamily("radtme_jobs_held", "How many jobs are on hold, by state?", labels=["state"])
        now = time.time()
        for state in JobState:
            folders = [job.folder for job in self._spool.jobs(state)]
            jobs.add_metric([state.value], len(folders))
            if state in _OPEN_STATES:
                ages.add_metric([state.value], max((_age(folder, now) for folder in folders), default=0.0))
            if state in _HOLDABLE_STATES:
                held.add_metric([state.value], sum(map(is_held, folders)))
        quarantined = sum(name.suffix == ".dcm" for name in self._spool.quarantine.iterdir())
        yield jobs
        yield ages
        yield held
        yield GaugeMetricFamily("radtme_quarantined_objects", "How many objects are in quarantine?", value=quarantined)
        yield GaugeMetricFamily(
            "radtme_spool_free_bytes", "How much free space does the spool's disk have?", value=self._spool.free_bytes()
        )


def _age(folder: Path, now: float) -> float:
    """Return the seconds since a job's ``job.json`` was last written; 0 where the job has moved on or is held."""
    if is_held(folder):
        return 0.0
    try:
        return max(0.0, now - (folder / "job.json").stat().st_mtime)
    except FileNotFoundError:
        return 0.0


class BrokerCollector(Collector):
    """Asks Redis at each scrape for the length of the queues, and whether it answers at all."""

    def __init__(self, depths: Callable[[], Mapping[str, int] | None]) -> None:
        self._depths = depths

    def collect(self) -> Iterable[Metric]:
        """Yield whether Redis answers and the depth of each queue (not a number where it does not)."""
        depths = self._depths()
        yield GaugeMetricFamily(
            "radtme_redis_up", "Is Redis reachable? 1: yes, 0: no.", value=float(depths is not None)
        )
        family = GaugeMetricFamily("radtme_queue_depth", "How many messages wait in each queue?", labels=["queue"])
        for queue in ("compute", "delivery"):
            family.add_metric([queue], math.nan if depths is None else depths.get(queue, 0))
        yield family
