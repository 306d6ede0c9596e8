"""The circuit of a target: whether it is worth going to, as the workers wrote it down for all processes.

Closed: go. Open: it could not be reached, several times in a row; no delivery until a probe is due. Half open: one
worker probes it right now. The file survives restarts; what cannot be read counts as closed.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path

import structlog

from listener.spool.record_file import TimeIfReadable, UnreadableRecord, read_record, write_record
from listener.spool.spool import Spool
from listener.spool.timestamps import is_past

log = structlog.get_logger()


class CircuitState(StrEnum):
    """Whether anyone goes to a target."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(frozen=True)
class Circuit:
    """What is known of a target's reachability."""

    state: CircuitState = CircuitState.CLOSED
    failures: int = 0
    """Times in a row that it could not be reached."""
    openings: int = 0
    """Probes in a row that failed, and the opening before them: the wait for the next one grows with it."""
    next_probe: TimeIfReadable = None
    wait_seconds: float | None = None
    """From when ``next_probe`` was written until it is due."""
    since: TimeIfReadable = None
    """When it came into its state."""
    last_error: str | None = None

    @property
    def is_closed(self) -> bool:
        """Whether everyone may go."""
        return self.state is CircuitState.CLOSED

    def wants_probe(self, clock: datetime) -> bool:
        """Tell whether it is not closed and the next probe is due, also after a clock that was moved."""
        return not self.is_closed and is_past(self.next_probe, self.wait_seconds, clock)

    def closed_before(self, clock: datetime, delay_seconds: float) -> datetime | None:
        """Return when it closed again, where that was ``delay_seconds`` ago or longer; None where it never opened."""
        if not self.is_closed or self.since is None or self.since + timedelta(seconds=delay_seconds) > clock:
            return None
        return self.since


def read_circuit(spool: Spool, target: str) -> Circuit:
    """Return the circuit of the target of this name; a closed one where there is no file, or a damaged one."""
    try:
        return read_record(Circuit, _path(spool, target))
    except FileNotFoundError:
        return Circuit()
    except UnreadableRecord as error:
        log.error("circuit_unreadable", target=target, error=str(error))
        return Circuit()


def write_circuit(spool: Spool, target: str, circuit: Circuit) -> None:
    """Write down how a target can be reached, for all processes."""
    write_record(_path(spool, target), circuit)


def _path(spool: Spool, target: str) -> Path:
    return spool.targets / f"{target}.json"
