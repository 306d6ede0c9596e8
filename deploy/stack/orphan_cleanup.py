"""Ends the processes that a supervisor leaves behind, for example after SIGKILL.

Runs as a process of its own (``python -I -S orphan_cleanup.py``) with nothing but the standard library. Its standard
input is a pipe that only the supervisor holds open: the line ``+<process group>`` adds a group to the list of those to
end, ``-<process group>`` removes it, and the end of the input means that the supervisor has ended.
"""

import contextlib
import os
import signal
import sys
import time
from collections.abc import Iterable

GRACE_SECONDS = 10.0
"""From SIGTERM to SIGKILL: work that does not finish in this time continues at the next start."""


def main() -> None:
    """Keep the list of process groups until the supervisor has ended, then end those that are left."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # it must outlive the supervisor, also where both get the signal
    groups: set[int] = set()
    for line in sys.stdin:
        (groups.add if line[0] == "+" else groups.discard)(int(line[1:]))
    end(groups, GRACE_SECONDS)


def end(groups: Iterable[int], grace_seconds: float) -> None:
    """Terminate the process groups, and kill those that have not ended after ``grace_seconds``."""
    left = {group for group in groups if send(group, signal.SIGTERM)}
    deadline = time.monotonic() + grace_seconds
    while left and time.monotonic() < deadline:
        time.sleep(0.05)
        left = {group for group in left if send(group, 0)}
    for group in left:
        send(group, signal.SIGKILL)


def send(group: int, number: int) -> bool:
    """Send a signal to a process group; return False where the group has no process any more."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, number)
        return True
    return False


if __name__ == "__main__":
    main()
