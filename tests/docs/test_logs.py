"""docs/logs.md is compared with the log events in the code."""

import ast
import re
from pathlib import Path

import pytest

from tests.support import log_events

PAGE = Path(__file__).resolve().parents[2] / "docs" / "logs.md"
ROW = re.compile(r"^\| `(\w+)` \| (.*?)\| (.+) \|$", re.MULTILINE)


def test_every_event_stands_there_with_its_fields() -> None:
    """Neither an event nor a field of one is logged that the page does not explain, and it explains no other."""
    found = [(event, set(re.findall(r"`(\w+)`", fields))) for event, fields, _ in ROW.findall(PAGE.read_text())]
    logged = log_events.logged_events()
    assert len(found) == len(dict(found)), "an event stands there twice"
    assert len(logged) > 60
    assert dict(found) == logged


def test_an_event_that_only_exists_at_run_time_is_not_passed_over() -> None:
    """A name that cannot be read from the source could not be documented: the search fails instead of missing it."""
    with pytest.raises(AssertionError, match="static event name"):
        list(log_events.calls(ast.parse('log.info(f"job_{state}", job=job_id)')))


def test_names_in_variables_are_followed() -> None:
    """Event, level and fields may be chosen before the call."""
    source = """
name = "kept" if kept else "unknown"
level = log.warning if bad else log.info
counts = {"committed": 1, "failed": 0}
log.info(name, job=job, **counts)
level("opened", wait_seconds=1)
log.log(number, "tried", error=None)
"""
    assert dict(log_events.calls(ast.parse(source))) == {
        "kept": {"job", "committed", "failed"},
        "unknown": {"job", "committed", "failed"},
        "opened": {"wait_seconds"},
        "tried": {"error"},
    }
