"""Loading without looks for reference cycles, and without packages that nobody uses."""

import gc
import subprocess
import sys

import pytest

from listener.runtime.loading import NOT_USED, without_collections, without_packages


def test_collections_resume_afterwards() -> None:
    """Also after an error: a process without them would grow."""
    with without_collections():
        assert not gc.isenabled()
    assert gc.isenabled()
    with pytest.raises(ImportError), without_collections():
        raise ImportError
    assert gc.isenabled()


def test_what_is_loaded_within_does_not_end_it() -> None:
    """A command that loads its modules so may be one of a group that is loaded so."""
    with without_collections():
        with without_collections():
            pass
        assert not gc.isenabled()
    assert gc.isenabled()


def test_later_looks_leave_out_what_was_loaded() -> None:
    """Otherwise the first look afterwards would pass over all of it: 27 ms of `radtme status`."""
    before = gc.get_freeze_count()
    with without_collections():
        loaded = [[] for _ in range(1000)]  # type: ignore[var-annotated]
    assert gc.get_freeze_count() - before >= len(loaded)
    gc.unfreeze()


def test_a_package_that_is_not_used_is_not_loaded() -> None:
    """And is there for who loads it afterwards, by the same name."""
    with without_packages("colorsys", "sqlite3"), pytest.raises(ModuleNotFoundError):
        import colorsys
    import colorsys

    assert colorsys.rgb_to_hsv(0, 0, 0) == (0, 0, 0)


def test_a_package_that_was_loaded_before_stays() -> None:
    """Also after an error while something else is loaded."""
    before = sys.modules["json"]
    with pytest.raises(ModuleNotFoundError), without_packages("json"):
        import json
    import json

    assert json is before is sys.modules["json"]


def test_the_logs_and_headers_load_without_what_they_do_not_use() -> None:
    """With rich, structlog shows tracebacks in colour; with requests, pydicom downloads: radtme does neither."""
    program = (
        "import sys; from listener.runtime.loading import NOT_USED, without_packages\n"
        "with without_packages(*NOT_USED): import listener.runtime.logs as logs, pydicom\n"
        "print(*sys.modules); logs.configure(json=False); import rich.console, requests; import structlog\n"
        "structlog.get_logger('a').error('event', value=1)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    modules, said = done.stdout.splitlines()
    assert {"pydicom", "structlog"} <= set(modules.split())
    assert set(modules.split()).isdisjoint(NOT_USED)
    assert "event" in said
    assert "value" in said
