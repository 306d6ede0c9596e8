"""The circuit of a target: whether it is worth going to, as the workers wrote it down for all processes.

Closed: go. Open: it could not be reached, several times in a row; no delivery until a probe is due. Half open: one
worker probes it right now. A target without a row is closed.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import CheckConstraint, Column, Connection, Float, Integer, Table, delete, select

from listener.ledger.database import Ledger
from listener.ledger.schema import (
    METADATA,
    TARGET_NAME,
    AnyText,
    UtcDateTime,
    one_of,
    put,
    put_if_absent,
    record_of,
    row_of,
)
from listener.runtime.timestamps import is_past


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
    next_probe: datetime | None = None
    wait_seconds: float | None = None
    """From when ``next_probe`` was written until it is due."""
    since: datetime | None = None
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


@dataclass(frozen=True)
class CircuitChange:
    """A circuit before and after a change."""

    before: Circuit
    after: Circuit


target_circuits = Table(
    "target_circuits",
    METADATA,
    Column("target", TARGET_NAME, primary_key=True),
    Column("state", one_of(CircuitState), nullable=False),
    Column("failures", Integer, CheckConstraint("failures >= 0", name="failures"), nullable=False),
    Column("openings", Integer, CheckConstraint("openings >= 0", name="openings"), nullable=False),
    Column("next_probe", UtcDateTime),
    Column("wait_seconds", Float),
    Column("since", UtcDateTime),
    Column("last_error", AnyText),
    CheckConstraint("(next_probe IS NULL) = (state = 'closed')", name="next_probe"),
)


def read_circuit(ledger: Ledger, target: str) -> Circuit:
    """Return the circuit of the target of this name; a closed one where nothing is known of it."""
    with ledger.reading() as connection:
        return _read(connection, target)


def change_circuit(ledger: Ledger, target: str, change: Callable[[Circuit], Circuit]) -> CircuitChange:
    """Replace the circuit of a target by what ``change`` makes of it."""
    with ledger.writing() as connection:
        # Counts are read and written back: two simultaneous failures must both be counted.
        put_if_absent(connection, target_circuits, {"target": target, **row_of(Circuit())})
        before = _read(connection, target, lock=True)
        after = change(before)
        put(connection, target_circuits, {"target": target, **row_of(after)})
    return CircuitChange(before, after)


def read_circuits(ledger: Ledger) -> dict[str, Circuit]:
    """Return the circuits that are not closed, by target."""
    query = select(target_circuits).where(target_circuits.c.state != CircuitState.CLOSED)
    with ledger.reading() as connection:
        rows = connection.execute(query.order_by(target_circuits.c.target)).mappings()
        return {row["target"]: record_of(Circuit, row) for row in rows}


def forget_circuit(ledger: Ledger, target: str) -> None:
    """Forget what is known of a target."""
    with ledger.writing() as connection:
        connection.execute(delete(target_circuits).where(target_circuits.c.target == target))


def _read(connection: Connection, target: str, *, lock: bool = False) -> Circuit:
    query = select(target_circuits).where(target_circuits.c.target == target)
    row = connection.execute(query.with_for_update() if lock else query).mappings().one_or_none()
    return Circuit() if row is None else record_of(Circuit, row)
