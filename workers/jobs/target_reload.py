"""Takes over other targets while the workers run, when it is asked to."""

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from workers.targets.target import Target

log = structlog.get_logger()

FORK_LOCK = threading.Lock()
# A pool process that was forked in the midst of a renewal would inherit locks that are never released.
os.register_at_fork(before=FORK_LOCK.acquire, after_in_parent=FORK_LOCK.release, after_in_child=FORK_LOCK.release)


@dataclass(frozen=True)
class TargetReload:
    """How the workers learn that their targets changed, and what they are now."""

    asked: threading.Event
    read: Callable[[], tuple[Target, ...] | None]
    """None where they stay as they are."""


def start_reloading(renewal: TargetReload, take_over: Callable[[tuple[Target, ...]], None]) -> None:
    """Renew whenever it is asked for, in a thread: a signal may come while any lock is held."""
    threading.Thread(target=_reload, args=(renewal, take_over), name="renewal", daemon=True).start()


def _reload(renewal: TargetReload, take_over: Callable[[tuple[Target, ...]], None]) -> None:
    while renewal.asked.wait():
        renewal.asked.clear()
        with FORK_LOCK:
            try:
                targets = renewal.read()
                if targets is not None:
                    take_over(targets)
            except OSError as error:  # the next time that it is asked for may go better
                log.error("configuration_not_reloaded", reason=error.strerror or type(error).__name__)
