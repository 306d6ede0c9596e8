"""Logs as machines read them."""

import json
import subprocess
import sys

import pytest


def test_every_line_is_json_with_event_and_fields() -> None:
    """Our events, errors with their places, and what libraries log: one JSON object per line."""
    program = """
import logging, warnings
from listener.runtime import logs
logs.configure()
import structlog
log = structlog.get_logger()
with structlog.contextvars.bound_contextvars(association="a1"):
    log.info("object_stored", voxels=3)
try:
    1 / 0
except ZeroDivisionError:
    log.exception("it_failed")
logging.getLogger("celery").info("chatter")
logging.getLogger("alembic.runtime.migration").info("chatter")
logging.getLogger("celery").warning("something")
log.debug("hidden")
warnings.warn("Invalid value for VR PN: 'SECRET^NAME'")
"""
    output = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    lines = [json.loads(line) for line in output.splitlines()]
    assert [line["event"] for line in lines] == ["object_stored", "it_failed", "something"]
    assert "SECRET" not in output
    assert lines[0] | {"association": "a1", "voxels": 3, "level": "info"} == lines[0]
    assert lines[1]["error"] == ["ZeroDivisionError"]
    assert lines[1]["at"] == ["<string>:10 <module>"]
    assert all("timestamp" in line for line in lines)


SECRETS = """
import logging, sys, threading
from listener.runtime import logs
logs.configure(json=sys.argv[1] == "json")
import structlog

def read_head():
    head = b"SECRET^LOCAL"
    try:
        float("SECRET^CAUSE")
    except ValueError as error:
        raise TypeError("expected a number, found SECRET^TEXT") from error

class Refused(Exception):
    def __repr__(self):
        return "Refused(SECRET^REPR)"

def caught(log):
    try:
        read_head()
    except TypeError as error:
        log(error)

ours, theirs = structlog.get_logger(), logging.getLogger("celery.app.trace")
caught(lambda error: ours.exception("ours_failed"))
caught(lambda error: ours.error("given", exc_info=error))
caught(lambda error: theirs.error("Task %s raised: %r", "SECRET^ARGUMENT", error, exc_info=sys.exc_info()))
caught(lambda error: theirs.exception(f"theirs, formatted: {error}"))
caught(lambda error: theirs.error("theirs with a representation: %r", Refused(), exc_info=error))
thread = threading.Thread(target=read_head, name="lost")
thread.start()
thread.join()
"""


@pytest.mark.parametrize("form", ["json", "terminal"])
def test_an_error_is_logged_by_type_and_place_and_never_by_its_words(form: str) -> None:
    """A patient's name in a variable, in an exception's text, in its cause or in a library's message stays out."""
    run = subprocess.run([sys.executable, "-c", SECRETS, form], capture_output=True, text=True, check=True)
    assert "SECRET" not in run.stdout + run.stderr
    assert run.stderr == ""
    lines = run.stdout.strip().splitlines()
    assert len(lines) == 6
    assert all("TypeError" in line and "ValueError" in line and "read_head" in line for line in lines)
    assert "Task %s raised: %r" in lines[2]
