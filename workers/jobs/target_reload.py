"""Replaces the targets of running workers on request."""

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass

from listener.runtime.logger import Logger
from workers.targets.target import Target

log = Logger(__name__)

FORK_LOCK = threading.Lock()
# A pool process that was forked during a reload would inherit locks that are never released.
os.register_at_fork(before=FORK_LOCK.acquire, after_in_parent=FORK_LOCK.release, after_in_child=FORK_LOCK.release)


@dataclass(frozen=True)
class TargetReload:
    """Signals the workers that the targets changed, and reads the new ones."""

    asked: threading.Event
    read: Callable[[], tuple[Target, ...] | None]
    """None where they are unchanged."""


def start_reloading(renewal: TargetReload, take_over: Callable[[tuple[Target, ...]], None]) -> None:
    """Reload on request, in a thread of its own: a signal may arrive while any lock is held."""
    threading.Thread(target=_reload, args=(renewal, take_over), name="renewal", daemon=True).start()


def _reload(renewal: TargetReload, take_over: Callable[[tuple[Target, ...]], None]) -> None:
    while renewal.asked.wait():
        renewal.asked.clear()
        with FORK_LOCK:
            try:
                targets = renewal.read()
                if targets is not None:
                    take_over(targets)
            except OSError as error:  # the next request may succeed
                log.error("configuration_not_reloaded", reason=error.strerror or type(error).__name__)
