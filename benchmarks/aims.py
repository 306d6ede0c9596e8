"""One row of the table of aims: what was measured, and what has to be reached."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from time import process_time


@dataclass(frozen=True)
class Row:
    """A measurement beside what it is compared with; both in ``unit``."""

    name: str
    before: float
    """What the first release took (9bfcfc8), or what the peer takes in the same run."""
    now: float
    unit: str
    aim: float
    """How many times less than before it has to be; for objects per second, how many times more than the peer's."""
    is_rate: bool = False
    limit: float | None = None
    """In ``unit``: what is enough as well, where the aim is an amount."""

    @property
    def ratio(self) -> float:
        """How many times better."""
        return self.now / self.before if self.is_rate else self.before / self.now

    @property
    def is_met(self) -> bool:
        """Whether the aim is reached."""
        return self.ratio >= self.aim or (self.limit is not None and self.now <= self.limit)

    def __str__(self) -> str:
        limit = "" if self.limit is None else f"{self.limit:g} {self.unit}"
        numbers = f"{self.before:>9.4g} {self.now:>9.4g} {self.unit:<4} {self.ratio:>7.2f} {self.aim:>6.2f} {limit:<8}"
        return f"{self.name:<58} {numbers}{'' if self.is_met else 'MISSED'}".rstrip()


class CannotBeMeasured(Exception):
    """Something that a measurement needs is not there; the message says what. Its aims count as missed."""


HEADER = f"{'':<58} {'before':>9} {'now':>9} {'':<4} {'ratio':>7} {'aim':>6} {'or':<8}"


def cpu_seconds(run: Callable[[], object]) -> float:
    """Return the CPU seconds of this process during one call."""
    start = process_time()
    run()
    return process_time() - start


def print_rows(rows: Iterable[Row]) -> bool:
    """Print rows as they come; return whether all were measured and all aims are met."""
    met = True
    try:
        for row in rows:
            print(row, flush=True)
            met &= row.is_met
    except CannotBeMeasured as error:
        print(f"NOT MEASURED: {error}", flush=True)
        return False
    return met
