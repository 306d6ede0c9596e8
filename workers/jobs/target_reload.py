"""Takes over other targets while the workers run, when it is asked to."""

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from workers.targets.target import Target

log = structlog.get_logger()

_forking = threading.Lock()
# A pool process that was forked in the midst of a renewal would inherit locks that nobody ever lets go.
os.register_at_fork(before=_forking.acquire, after_in_parent=_forking.release, after_in_child=_forking.release)


@dataclass(frozen=True)
class Renewal:
    """How the workers learn that their targets changed, and what they are now."""

    asked: threading.Event
    read: Callable[[], tuple[Target, ...] | None]
    """None where they stay as they are."""


def start_renewing(renewal: Renewal, take_over: Callable[[tuple[Target, ...]], None]) -> None:
    """Renew whenever it is asked for, in a thread: a signal may come while any lock is held."""
    threading.Thread(target=_renew, args=(renewal, take_over), name="renewal", daemon=True).start()


def _renew(renewal: Renewal, take_over: Callable[[tuple[Target, ...]], None]) -> None:
    while renewal.asked.wait():
        renewal.asked.clear()
        with _forking:
            try:
                targets = renewal.read()
                if targets is not None:
                    take_over(targets)
            except OSError as error:  # the next time that it is asked for may go better
                log.error("configuration_not_reloaded", reason=error.strerror or type(error).__name__)
