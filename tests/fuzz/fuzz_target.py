"""What a fuzz target is: seeds, and a function that must survive any bytes."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class FuzzTarget:
    """One parser of foreign bytes. ``run`` raises only where something is wrong with the program."""

    name: str
    seeds: Callable[[], list[bytes]]
    """Valid inputs, made when asked for: nothing binary lies in the repository."""
    run: Callable[[bytes], None]


class Flaw(AssertionError):
    """The input made the program do what it must never do."""
