"""Loading of modules and tables, which stay for the life of a process."""

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

NOT_USED = ("requests", "rich")
"""Packages that pydicom and structlog load where they are installed: for downloads, and for tracebacks in colour."""


@contextmanager
def without_collections() -> Iterator[None]:
    """Load something without looks for reference cycles: they find none, and take a tenth of the time of a start.

    Later looks leave out what was loaded.
    """
    were_looked_for = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if were_looked_for:
            gc.freeze()
            gc.enable()


@contextmanager
def without_packages(*names: str) -> Iterator[None]:
    """Load something as if these packages were not installed. Those that are loaded already stay so for all others."""
    loaded: dict[str, ModuleType] = {name: sys.modules[name] for name in names if name in sys.modules}
    sys.modules.update(dict.fromkeys(names))  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in names:
            del sys.modules[name]
        sys.modules.update(loaded)
