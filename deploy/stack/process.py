"""Signals and file permissions of long-running commands."""

import os
import signal
import sys
import threading
from types import FrameType


def reload_event() -> threading.Event:
    """Return an event that SIGHUP sets from now on. On a terminal it never does: there, hanging up means the end."""
    event = threading.Event()
    if not sys.stdin.isatty():
        signal.signal(signal.SIGHUP, lambda number, frame: event.set())
    return event


def stop_event() -> threading.Event:
    """Return an event that SIGTERM and SIGINT (Ctrl-C) set from now on; the second one is a KeyboardInterrupt."""
    event = threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:
        if event.is_set():
            raise KeyboardInterrupt
        event.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    return event


OWNER_AND_GROUP = 0o027


def restrict_umask() -> None:
    """Make files that this process and its children create unreadable for other users (umask)."""
    os.umask(OWNER_AND_GROUP)
