"""The circuit breaker of a target: one dead target must not keep workers from the others.

Its state is a row of the ledger (`listener.ledger.target_circuits`). While it is
open, nothing is sent to the target and no delivery attempt is used up. When a probe is due, one worker sends the
cheapest request there is.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from listener.ledger.database import Ledger
from listener.ledger.target_circuits import Circuit, CircuitChange, CircuitState, change_circuit, read_circuit
from listener.runtime.logger import Logger
from listener.spool.spool import Spool
from workers.errors import TransientFailure
from workers.retry_waits import wait_seconds
from workers.settings import WorkerSettings
from workers.targets.transport import TargetRefused

MAX_PROBE_WAIT_SECONDS = 300.0
"""A probe is cheap: it finds a target that is back sooner than the deliveries' own retries would."""

log = Logger(__name__)


class CircuitBreaker:
    """The circuit breaker of one target."""

    def __init__(self, spool: Spool, target: str, settings: WorkerSettings, clock: Callable[[], datetime]) -> None:
        self._ledger = spool.ledger
        self._target = target
        self._settings = settings
        self._clock = clock

    @property
    def circuit(self) -> Circuit:
        """The current circuit."""
        return read_circuit(self._ledger, self._target)

    def allow(self, probe: Callable[[], None]) -> bool:
        """Return whether to attempt delivery; if a probe is due and no other process probes, probe the target first."""
        if self.circuit.is_closed:
            return True
        before = self._change(self._half_open).before
        if before.is_closed:  # another process has just probed
            return True
        return before.wants_probe(self._clock()) and self._run_probe(probe)

    def record_success(self) -> None:
        """Note that the target answered."""
        if self.circuit.is_closed and not self.circuit.failures:
            return
        now = self._clock()
        change = self._change(lambda circuit: Circuit(since=circuit.since if circuit.is_closed else now))
        if not change.before.is_closed:
            log.info("circuit_closed", target=self._target)

    def record_failure(self, why: str) -> None:
        """Note that the target could not be reached, or went silent; after enough of these the circuit opens."""

        def failed(circuit: Circuit) -> Circuit:
            counted = replace(circuit, failures=circuit.failures + 1, last_error=why)
            if circuit.is_closed and counted.failures >= self._settings.breaker_failures:
                return self._opened(counted, why)
            return counted  # where it is open already, this visit had begun before

        self._log_opened(self._change(failed))

    def _half_open(self, circuit: Circuit) -> Circuit:
        """Return the circuit as of the process that probes it; unchanged where no probe is due."""
        now = self._clock()
        if not circuit.wants_probe(now):
            return circuit
        # Others find the probe not due. If this process dies, the target is probed again after the same wait.
        wait = self._wait(circuit.openings)
        due = now + timedelta(seconds=wait)
        return replace(circuit, state=CircuitState.HALF_OPEN, next_probe=due, wait_seconds=wait)

    def _run_probe(self, probe: Callable[[], None]) -> bool:
        try:
            probe()
        except TransientFailure as failure:
            why = str(failure)
            self._log_opened(self._change(lambda circuit: self._opened(circuit, why)))
            return False
        except TargetRefused:  # it refuses, so it is there; each delivery meets the refusal itself
            pass
        # Not fully closed yet: unless a delivery succeeds first, one more failure opens it again, for longer.
        failures = max(0, self._settings.breaker_failures - 1)
        self._change(lambda circuit: Circuit(CircuitState.CLOSED, failures, circuit.openings, since=self._clock()))
        log.info("circuit_closed", target=self._target)
        return True

    def _opened(self, circuit: Circuit, why: str) -> Circuit:
        openings = circuit.openings + 1
        wait = self._wait(openings)
        now = self._clock()
        since = now if circuit.is_closed else circuit.since
        return Circuit(CircuitState.OPEN, circuit.failures, openings, now + timedelta(seconds=wait), wait, since, why)

    def _log_opened(self, change: CircuitChange) -> None:
        now = change.after
        if now.openings == change.before.openings:
            return
        level = log.warning if change.before.is_closed else log.info
        level(
            "circuit_opened",
            target=self._target,
            failures=now.failures,
            wait_seconds=round(now.wait_seconds or 0.0),
            error=now.last_error,
        )

    def _wait(self, openings: int) -> float:
        return min(wait_seconds(max(1, openings), self._settings), MAX_PROBE_WAIT_SECONDS)

    def _change(self, change: Callable[[Circuit], Circuit]) -> CircuitChange:
        return change_circuit(self._ledger, self._target, change)


def probe_now(ledger: Ledger, target: str, now: datetime) -> None:
    """Make the next probe of a target due at once, where its circuit is not closed."""

    def due(circuit: Circuit) -> Circuit:
        return circuit if circuit.is_closed else replace(circuit, next_probe=now, wait_seconds=0.0)

    change_circuit(ledger, target, due)


def close_now(ledger: Ledger, target: str, now: datetime) -> bool:
    """Close the circuit of a target that was seen to answer; return whether it was not closed."""
    change = change_circuit(ledger, target, lambda circuit: circuit if circuit.is_closed else Circuit(since=now))
    return not change.before.is_closed
