"""Whether the ledger answers, pending deliveries and the circuit of each target, read at each scrape."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from listener.ledger.database import LedgerUnavailable
from listener.ledger.deliveries import DeliverySchedule, DeliveryState, schedules
from listener.ledger.ledger_metrics import ledger_up
from listener.ledger.target_circuits import CircuitState, read_circuit
from listener.spool.job_queries import ids_in
from listener.spool.jobs import JobState
from listener.spool.spool import Spool

OPEN_STATES = tuple(state for state in DeliveryState if not state.is_settled)


class DeliveryCollector(Collector):
    """Reads the outboxes at each scrape: no counter that would be wrong after a restart."""

    def __init__(self, spool: Spool, targets: Callable[[], Iterable[str]]) -> None:
        self._spool = spool
        self._targets = targets
        """Those of the configuration: each is shown, also while nothing waits for it."""
        self.ledger_answered = True
        """At the last scrape. Each question to a database that is silent takes seconds, of which a scrape has ten."""

    def collect(self) -> Iterable[Metric]:
        """Yield whether the ledger answers; where it does, pending deliveries and the circuit of each target."""
        try:
            deliveries = self._deliveries()
        except LedgerUnavailable:  # the other metrics of a worker are still to be read
            self.ledger_answered = False
            return (ledger_up(answers=False),)
        self.ledger_answered = True
        return (ledger_up(answers=True), *deliveries)

    def _deliveries(self) -> Iterable[Metric]:
        waiting = GaugeMetricFamily(
            "radtme_deliveries_waiting",
            "How many cases wait for delivery to each target, by state?",
            labels=["target", "state"],
        )
        oldest = GaugeMetricFamily(
            "radtme_delivery_oldest_seconds",
            "How long has the oldest case been waiting for delivery to this target?",
            labels=["target"],
        )
        circuits = GaugeMetricFamily(
            "radtme_target_circuit",
            "In which state is the circuit breaker of this target? 1 for the current state, 0 for the others.",
            labels=["target", "state"],
        )
        entries = self._entries()
        for target in sorted({*self._targets(), *(entry.target for entry in entries)}):
            own = [entry for entry in entries if entry.target == target]
            for state in OPEN_STATES:
                waiting.add_metric([target, state.value], sum(entry.state is state for entry in own))
            oldest.add_metric([target], max((_age(entry) for entry in own), default=0.0))
            found = read_circuit(self._spool.ledger, target).state
            for one in CircuitState:
                circuits.add_metric([target, one.value], float(one is found))
        return (waiting, oldest, circuits)

    def _entries(self) -> list[DeliverySchedule]:
        # Jobs on hold wait for a person, and are counted by the listener.
        jobs = ids_in(self._spool.ledger, JobState.DELIVERING)
        found = schedules(self._spool.ledger, jobs).values()
        return [entry for entries in found for entry in entries if not entry.state.is_settled]


def _age(entry: DeliverySchedule) -> float:
    if entry.waits_since is None:
        return 0.0
    return max(0.0, (datetime.now(UTC) - entry.waits_since).total_seconds())
