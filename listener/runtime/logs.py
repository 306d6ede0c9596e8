"""Logging: static event names with fields, as JSON lines or in readable form. Never a patient attribute.

Of an exception only its type and stack locations are shown, whoever logs it and in whatever form: its text may quote an
element of a data set, and the variables around it may hold the data set itself.
"""

import logging
import sys
import threading
from typing import Any

import structlog

from listener.runtime.safe_errors import causes, stack_locations

_QUIET = {
    "pynetdicom": logging.CRITICAL,  # as a sender it logs every PDU; our own events contain what matters
    "pydicom": logging.ERROR,
    "highdicom": logging.WARNING,
    "celery": logging.WARNING,
    "kombu": logging.WARNING,
    "amqp": logging.WARNING,
    "urllib3": logging.WARNING,
    "matplotlib": logging.WARNING,
    "alembic": logging.WARNING,  # at a first start, a dozen lines about its own plugins
    "py.warnings": logging.ERROR,  # pydicom's warnings quote values, and a value may be a name or a birth date
}


def configure(json: bool | None = None, level: int = logging.INFO) -> None:
    """Send all logs of this process to stdout, our own and those of libraries.

    Parameters
    ----------
    json
        JSON lines (True) or the form for people (False); None takes JSON where stdout is no terminal.
    level
        The least severe level that is shown.
    """
    as_json = not sys.stdout.isatty() if json is None else json
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.processors.StackInfoRenderer(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    # Without a traceback formatter: should one ever come through, its variables must not.
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if as_json
        else structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                drop_exception_texts,
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                renderer,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    logging.captureWarnings(True)
    threading.excepthook = _thread_died
    for name, quiet_level in _QUIET.items():
        logging.getLogger(name).setLevel(quiet_level)


def drop_exception_texts(
    logger: logging.Logger, name: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """Replace an exception by type and stack locations, also of its causes (a structlog processor)."""
    error = _error(event.pop("exc_info", None))
    if error is None:
        return event
    record = event.get("_record")
    if isinstance(record, logging.LogRecord) and not event.get("_from_structlog"):
        # A library's own words: its template, since what it fills in may be the exception's text.
        event["event"] = _without_texts(str(record.msg), error)
    return {**event, "error": causes(error), "at": stack_locations(error)}


def _error(exc_info: Any) -> BaseException | None:
    """Return the exception that a log call was given or was made under."""
    if isinstance(exc_info, BaseException):
        return exc_info
    if isinstance(exc_info, tuple):
        return exc_info[1] if isinstance(exc_info[1], BaseException) else None
    return sys.exc_info()[1] if exc_info else None


def _without_texts(message: str, error: BaseException) -> str:
    for text in (repr(error), str(error)):
        message = message.replace(text, type(error).__name__) if text else message
    return message


def _thread_died(died: threading.ExceptHookArgs) -> None:
    if died.exc_value is not None and not issubclass(died.exc_type, SystemExit):
        name = died.thread.name if died.thread else None
        structlog.get_logger().error("thread_failed", thread=name, exc_info=died.exc_value)
