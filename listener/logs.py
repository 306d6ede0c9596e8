"""Logging: static event names with fields, as JSON lines or in a form for people. Never a patient attribute."""

import logging
import sys

import structlog

_QUIET = {
    "pynetdicom": logging.CRITICAL,  # as a sender it logs every PDU, and our own events say what matters
    "pydicom": logging.ERROR,
    "highdicom": logging.WARNING,
    "celery": logging.WARNING,
    "kombu": logging.WARNING,
    "amqp": logging.WARNING,
    "urllib3": logging.WARNING,
    "matplotlib": logging.WARNING,
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
    renderers: list[structlog.typing.Processor] = (
        [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
        if as_json
        else [structlog.dev.ConsoleRenderer()]
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderers],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    logging.captureWarnings(True)
    for name, quiet_level in _QUIET.items():
        logging.getLogger(name).setLevel(quiet_level)
