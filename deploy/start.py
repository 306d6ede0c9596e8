"""The entry point of the ``radtme`` command: Ctrl-C counts from the first moment, while the command line is loaded."""

import atexit
import gc
import os
import signal
import sys
import time
from types import FrameType

INTERRUPTED = 130
"""`deploy.errors.ExitCode.INTERRUPTED`, which is not loaded yet."""
UNDISTURBED_SECONDS = 5.0
"""How long an interrupted command may remove what it has begun, and end its processes, before Ctrl-C counts again."""


class Interrupts:
    """A handler of SIGINT. Ctrl-C that is pressed twice ends a command as one does, and does not break off its end."""

    def __init__(self) -> None:
        self._undisturbed_until = 0.0

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Interrupt what runs, unless it was interrupted a moment ago."""
        now = time.monotonic()
        if now >= self._undisturbed_until:
            self._undisturbed_until = now + UNDISTURBED_SECONDS
            raise KeyboardInterrupt


def main() -> None:
    """Run the command line and end the process with its exit code."""
    open_standard_streams()
    # At its end the interpreter looks for reference cycles among all modules: up to half a second, to free memory that
    # the end of the process frees anyway.
    atexit.register(gc.freeze)
    # By default, Python looks for cycles after every 700 new objects: a fifth of the time of imports, which leave none.
    gc.set_threshold(50_000, 20, 100)
    try:
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # a command in the background ignores it
            signal.signal(signal.SIGINT, Interrupts())
        from deploy.cli import main as run
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        sys.exit(INTERRUPTED)
    run()


def open_standard_streams() -> None:
    """Put the null device in the place of each standard stream that the caller has closed.

    The next file that is opened would get its number, and what is printed would go into that file.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest number that is free
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, "w" if number else "r", closefd=False))
