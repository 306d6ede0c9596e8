"""How far a long step is: a bar on a terminal, a line now and then elsewhere."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console

from deploy.terminal import progress

LINES = 10
"""At most about so many for a step."""


@contextmanager
def stepping(console: Console, what: str, total: int) -> Iterator[Callable[[], None]]:
    """Yield what is to be called when one more of ``total`` is done."""
    done = 0
    every = max(1, -(-total // LINES))
    with progress(console, what, total) as (bar, task):

        def step() -> None:
            nonlocal done
            done += 1
            bar.advance(task)
            if not console.is_terminal and (done % every == 0 or done == total):
                console.print(f"{what}: {done} of {total}")

        yield step
