"""Loading of modules and tables, which stay for the life of a process."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without_collections() -> Iterator[None]:
    """Load something without looks for reference cycles: they find none, and take a tenth of the time of a start."""
    were_looked_for = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if were_looked_for:
            gc.enable()
