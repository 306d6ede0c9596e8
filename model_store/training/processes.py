"""`map` over processes that end with the process that started them."""

import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

Begin = Callable[[str, int], Callable[[], None]]
"""Is told what begins and of how many parts it is; returns what is to be called after each part."""


def untold(what: str, parts: int) -> Callable[[], None]:
    """Tell nobody (`Begin`)."""
    return lambda: None


def telling(mapped: Callable[..., Iterator[Any]], what: str, begin: Begin) -> Callable[..., Iterator[Any]]:
    """Return a `map` that tells how far it is."""

    def tell(function: Callable[[Any], Any], tasks: Iterable[Any]) -> Iterator[Any]:
        listed = list(tasks)
        step = begin(what, len(listed))
        for result in mapped(function, listed):
            step()
            yield result

    return tell


@contextmanager
def process_map(jobs: int) -> Iterator[Callable[..., Iterator[Any]]]:
    """Return `map`, over processes where there is more than one job.

    They end at once with an exception in the block, Ctrl-C included, and when this process ends, however it ends.
    """
    if jobs == 1:
        yield map
        return
    context = get_context("spawn")
    watched, held = context.Pipe(duplex=False)
    pool = ProcessPoolExecutor(jobs, mp_context=context, initializer=_live_with, initargs=(watched,))
    try:
        yield pool.map
    except BaseException:
        held.close()
        raise
    finally:
        pool.shutdown(cancel_futures=True)
        held.close()
        watched.close()


def _live_with(watched: Connection) -> None:
    """End this process when the other end of a pipe is closed: by its owner, or by the system after its death."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the owner decides what it means

    def watch() -> None:
        watched.poll(None)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
