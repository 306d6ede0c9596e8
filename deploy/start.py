"""The entry point of the ``radtme`` command: Ctrl-C counts from the first moment, while the command line is loaded."""

import atexit
import gc
import sys

INTERRUPTED = 130
"""`deploy.errors.ExitCode.INTERRUPTED`, which is not loaded yet."""


def main() -> None:
    """Run the command line and end the process with its exit code."""
    # At its end the interpreter looks for reference cycles among all modules: up to half a second, to free memory that
    # the end of the process frees anyway.
    atexit.register(gc.freeze)
    try:
        from deploy.cli import main as run
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        sys.exit(INTERRUPTED)
    run()
