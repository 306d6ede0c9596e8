"""What each process of this machine does before its first task; Dask loads it by name."""

import atexit
import gc


def dask_setup(_: object) -> None:
    """Look for cycles seldom: a case makes 100,000 objects and leaves hardly any."""
    gc.set_threshold(50_000, 20, 100)
    atexit.register(gc.freeze)  # as at the end of `radtme` itself: no last look among all modules
