"""The circuit breaker of a target: one dead target must not keep workers from the others.

Its state is a small file in the spool that all processes share (`listener.spool.target_circuit` reads it). While it is
open, nothing is sent to the target and no delivery attempt is used up. When a probe is due, one worker sends the
cheapest request there is.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from listener.spool.atomic_files import make_folder
from listener.spool.locks import exclusive, waiting_lock
from listener.spool.spool import Spool
from listener.spool.target_circuit import Circuit, CircuitState, read_circuit, write_circuit
from workers.errors import TransientFailure
from workers.settings import WorkerSettings, wait_seconds
from workers.targets.transport import TargetRefused

MAX_PROBE_WAIT_SECONDS = 300.0
"""A probe is cheap: it finds a target that is back sooner than the deliveries' own retries would."""

log = structlog.get_logger()


class CircuitBreaker:
    """The circuit breaker of one target."""

    def __init__(self, spool: Spool, target: str, settings: WorkerSettings, clock: Callable[[], datetime]) -> None:
        self._spool = spool
        self._target = target
        self._settings = settings
        self._clock = clock

    @property
    def circuit(self) -> Circuit:
        """The current circuit."""
        return read_circuit(self._spool, self._target)

    def allow(self, probe: Callable[[], None]) -> bool:
        """Return whether to attempt delivery; if a probe is due and no other process probes, probe the target first."""
        circuit = self.circuit
        if circuit.is_closed:
            return True
        if not circuit.wants_probe(self._clock()):
            return False
        with exclusive(self._spool.targets, f"{self._target}.probe.lock") as mine:
            if not mine:
                return False
            if not self.circuit.wants_probe(self._clock()):  # someone else has just probed
                return self.circuit.is_closed
            return self._run_probe(probe)

    def record_success(self) -> None:
        """Note that the target answered."""
        if self.circuit.is_closed and not self.circuit.failures:
            return
        with self._locked() as circuit:
            since = circuit.since if circuit.is_closed else self._clock()
            self._write(Circuit(since=since))
        if not circuit.is_closed:
            log.info("circuit_closed", target=self._target)

    def record_failure(self, why: str) -> None:
        """Note that the target could not be reached, or went silent; after enough of these the circuit opens."""
        with self._locked() as circuit:
            failed = replace(circuit, failures=circuit.failures + 1, last_error=why)
            if circuit.is_closed and failed.failures >= self._settings.breaker_failures:
                self._open(failed, why)
            else:  # where it is open already, this visit had begun before
                self._write(failed)

    def _run_probe(self, probe: Callable[[], None]) -> bool:
        with self._locked() as circuit:
            # If the probing process dies, the circuit is probed again after the same wait.
            wait = self._wait(circuit.openings)
            due = self._clock() + timedelta(seconds=wait)
            self._write(replace(circuit, state=CircuitState.HALF_OPEN, next_probe=due, wait_seconds=wait))
        try:
            probe()
        except TransientFailure as failure:
            with self._locked() as circuit:
                self._open(circuit, str(failure))
            return False
        except TargetRefused:  # it refuses, so it is there; each delivery meets the refusal itself
            pass
        with self._locked() as circuit:
            # Not fully closed yet: unless a delivery succeeds first, one more failure opens it again, for longer.
            failures = max(0, self._settings.breaker_failures - 1)
            self._write(Circuit(CircuitState.CLOSED, failures, circuit.openings, since=self._clock()))
        log.info("circuit_closed", target=self._target)
        return True

    def _open(self, circuit: Circuit, why: str) -> None:
        openings = circuit.openings + 1
        wait = self._wait(openings)
        now = self._clock()
        since = now if circuit.is_closed else circuit.since
        opened = Circuit(CircuitState.OPEN, circuit.failures, openings, now + timedelta(seconds=wait), wait, since, why)
        self._write(opened)
        level = log.warning if circuit.is_closed else log.info
        level("circuit_opened", target=self._target, failures=circuit.failures, wait_seconds=round(wait), error=why)

    def _wait(self, openings: int) -> float:
        return min(wait_seconds(max(1, openings), self._settings), MAX_PROBE_WAIT_SECONDS)

    @contextmanager
    def _locked(self) -> Iterator[Circuit]:
        with _change(self._spool, self._target):
            yield self.circuit

    def _write(self, circuit: Circuit) -> None:
        write_circuit(self._spool, self._target, circuit)


def probe_now(spool: Spool, target: str, now: datetime) -> None:
    """Make the next probe of a target due at once, where its circuit is not closed."""
    with _change(spool, target):
        circuit = read_circuit(spool, target)
        if not circuit.is_closed:
            write_circuit(spool, target, replace(circuit, next_probe=now, wait_seconds=0.0))


def close_now(spool: Spool, target: str, now: datetime) -> bool:
    """Close the circuit of a target that was seen to answer; return whether it was not closed."""
    with _change(spool, target):
        was_closed = read_circuit(spool, target).is_closed
        if not was_closed:
            write_circuit(spool, target, Circuit(since=now))
    return not was_closed


@contextmanager
def _change(spool: Spool, target: str) -> Iterator[None]:
    """Hold the lock under which a circuit is changed."""
    make_folder(spool.targets)
    # Counts are read and written back: without the lock, one of two simultaneous failures would be lost.
    with waiting_lock(spool.targets / f"{target}.lock"):
        yield
