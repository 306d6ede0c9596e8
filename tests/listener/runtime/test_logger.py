"""Loggers of our modules."""

import json
import subprocess
import sys

PROGRAM = """
import sys
from listener.runtime.logger import Logger
log = Logger("listener.scp.server")
assert "structlog" not in sys.modules
from listener.runtime import logs
logs.configure(json=True)
log.info("listening", port=104)
log.bind(association="a1").warning("aborted")
"""


def test_a_logger_imports_structlog_when_it_logs_and_names_its_module() -> None:
    """Modules that log can be imported without structlog; each line states the module, also of a bound logger."""
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    first, second = (json.loads(line) for line in done.stdout.splitlines())
    assert first | {"event": "listening", "level": "info", "logger": "listener.scp.server", "port": 104} == first
    assert second | {"event": "aborted", "association": "a1", "logger": "listener.scp.server"} == second
