"""Logs as machines read them."""

import json
import subprocess
import sys


def test_every_line_is_json_with_event_and_fields() -> None:
    """Our events, errors with their traceback, and what libraries log: one JSON object per line."""
    program = """
import logging, warnings
from listener import logs
logs.configure()
import structlog
log = structlog.get_logger()
with structlog.contextvars.bound_contextvars(association="a1"):
    log.info("object_kept", voxels=3)
try:
    1 / 0
except ZeroDivisionError:
    log.exception("it_failed")
logging.getLogger("celery").info("chatter")
logging.getLogger("celery").warning("something")
log.debug("hidden")
warnings.warn("Invalid value for VR PN: 'SECRET^NAME'")
"""
    output = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    lines = [json.loads(line) for line in output.splitlines()]
    assert [line["event"] for line in lines] == ["object_kept", "it_failed", "something"]
    assert "SECRET" not in output
    assert lines[0] | {"association": "a1", "voxels": 3, "level": "info"} == lines[0]
    assert "ZeroDivisionError" in lines[1]["exception"]
    assert all("timestamp" in line for line in lines)
