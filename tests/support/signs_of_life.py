"""Signs of life in a spool, as the parts of an installation give them."""

import contextlib
from collections.abc import Iterator

from listener.runtime.heartbeat import Heartbeat, Part
from listener.spool.spool import Spool


@contextlib.contextmanager
def signs_of_life(spool: Spool, *parts: Part) -> Iterator[None]:
    """Let this process stand for these parts, or for all of them, while the block runs."""
    heartbeat = Heartbeat(spool.parts, parts or tuple(Part))
    heartbeat.start()
    try:
        yield
    finally:
        heartbeat.stop()
