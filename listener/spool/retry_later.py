"""When a job that was given back may be tried again: growing waits that even a full disk can take.

A job is given back when something around it failed, such as a disk that is full. Then no byte may be written any more,
so the next try is the modification time of the job's lock, and the moment of the giving back its access time: setting
them takes no space. What a person reads about it is in the ledger, once that can be written again.
"""

import os
import random
from datetime import datetime
from pathlib import Path

from listener.spool.locks import LOCK_NAME

MIN_WAIT_SECONDS = 10.0
MAX_WAIT_SECONDS = 600.0
JITTER = 0.2


def set_retry_time(folder: Path, clock: datetime) -> float:
    """Note that a job is not to be tried for a while, twice as long as the last time; return the seconds."""
    given_back, due = _times(folder)
    doubled = max(MIN_WAIT_SECONDS, 2 * (due - given_back))
    wait = min(doubled, MAX_WAIT_SECONDS) * random.uniform(1 - JITTER, 1)  # noqa: S311 - spreads load, hides nothing
    os.utime(folder / LOCK_NAME, (clock.timestamp(), clock.timestamp() + wait))
    return wait


def waits_for_retry(folder: Path, clock: datetime) -> bool:
    """Tell whether a job is to be left alone for now; not one that was given back in the future: the clock jumped."""
    given_back, due = _times(folder)
    return given_back <= clock.timestamp() < due


def was_deferred_since(folder: Path, moment: datetime, clock: datetime) -> bool:
    """Tell whether a job was given back after a moment, and not in the future."""
    given_back, _ = _times(folder)
    return moment.timestamp() <= given_back <= clock.timestamp()


def _times(folder: Path) -> tuple[float, float]:
    """Return when the job was given back and when it is due; both 0 where it never was."""
    try:
        found = (folder / LOCK_NAME).stat()
    except FileNotFoundError:
        return 0.0, 0.0
    return (found.st_atime, found.st_mtime) if found.st_mtime > found.st_atime else (0.0, 0.0)
