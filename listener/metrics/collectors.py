"""What is asked of the pairing, the spool and Redis at each scrape, and needs no counter."""

import math
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from listener.ledger.database import LedgerUnavailable
from listener.ledger.ledger_metrics import ledger_up
from listener.ledger.quarantine import quarantine_shares
from listener.pairing.evidence import WaitsFor
from listener.spool.job_queries import open_summaries, state_counts
from listener.spool.jobs import IN_WORK
from listener.spool.spool import Spool


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
        """Yield free space, whether it can be written, and whether the ledger answers; where it does, what it holds."""
        yield GaugeMetricFamily(
            "radtme_spool_free_bytes", "How much free space does the spool's disk have?", value=self._spool.free_bytes()
        )
        yield GaugeMetricFamily(
            "radtme_spool_writable",
            "Can received objects be written? 0: no right, a read-only file system, or no free inode.",
            value=self._spool.is_writable(),
        )
        try:
            jobs = self._jobs()
        except LedgerUnavailable:  # the other metrics are still to be read
            yield ledger_up(answers=False)
            return
        yield ledger_up(answers=True)
        yield from jobs

    def _jobs(self) -> Iterable[Metric]:
        objects = sum(one.objects for one in quarantine_shares(self._spool.ledger).values())
        quarantined = GaugeMetricFamily(
            "radtme_quarantined_objects", "How many objects are in quarantine?", value=objects
        )
        jobs = GaugeMetricFamily("radtme_jobs", "How many jobs are in each state?", labels=["state"])
        ages = GaugeMetricFamily(
            "radtme_job_oldest_seconds",
            "How old is the oldest job in this state that is not on hold, since it was created or became ready?",
            labels=["state"],
        )
        held = GaugeMetricFamily("radtme_jobs_held", "How many jobs are on hold, by state?", labels=["state"])
        for state, count in state_counts(self._spool.ledger).items():
            jobs.add_metric([state.value], count)
        for state, found in open_summaries(self._spool.ledger).items():
            age = (datetime.now(UTC) - found.oldest).total_seconds() if found.oldest else 0.0
            ages.add_metric([state.value], max(0.0, age))
            if state in IN_WORK:
                held.add_metric([state.value], found.held)
        return (quarantined, jobs, ages, held)


class BrokerCollector(Collector):
    """Asks Redis at each scrape for the length of the queues, and whether it answers at all."""

    def __init__(self, depths: Callable[[], Mapping[str, int] | None]) -> None:
        self._depths = depths

    def collect(self) -> Iterable[Metric]:
        """Yield whether Redis answers and the depth of each queue (not a number where it does not)."""
        depths = self._depths()
        yield GaugeMetricFamily(
            "radtme_redis_up", "Does Redis answer, and take messages? 1: yes, 0: no.", value=float(depths is not None)
        )
        family = GaugeMetricFamily("radtme_queue_depth", "How many messages wait in each queue?", labels=["queue"])
        for queue in ("compute", "delivery"):
            family.add_metric([queue], math.nan if depths is None else depths.get(queue, 0))
        yield family
