"""Loggers of modules, which import structlog only when something is logged.

A command such as ``radtme status`` imports many modules that log and logs nothing itself; structlog imports asyncio and
what shows tracebacks in colour.
"""

from functools import cached_property
from typing import Any


class Logger:
    """A logger of structlog; its methods are those of `structlog.stdlib.BoundLogger`.

    Parameters
    ----------
    name
        Of the module that logs (``__name__``); each line states it.
    """

    def __init__(self, name: str) -> None:
        self._name = name

    @cached_property
    def _logger(self) -> Any:
        import structlog

        return structlog.get_logger(self._name)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._logger, name)
