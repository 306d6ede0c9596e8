"""How a long computation tells how far it is."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

Begin = Callable[[str, int], Callable[[], None]]
"""Is told what begins and of how many parts it is; returns what is to be called after each part."""
Mapped = Callable[..., Iterator[Any]]
"""`map`, or one over several processes."""


def untold(what: str, parts: int) -> Callable[[], None]:
    """Tell nobody (`Begin`)."""
    return lambda: None


def telling(mapped: Mapped, what: str, begin: Begin) -> Mapped:
    """Return a `map` that tells how far it is."""

    def tell(function: Callable[[Any], Any], tasks: Iterable[Any]) -> Iterator[Any]:
        listed = list(tasks)
        step = begin(what, len(listed))
        for result in mapped(function, listed):
            step()
            yield result

    return tell
