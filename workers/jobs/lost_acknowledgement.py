"""Reconnects a worker to Redis when an acknowledgement was lost.

Celery logs that it could not acknowledge a message, and goes on. The message counts as in work from then on: with one
message at a time the worker takes no other, for ever, although Redis answers again. A new connection begins at zero;
the sweep announces again what was in the message.
"""

import logging
import threading
from typing import Any

from celery import Celery, bootsteps
from kombu.asynchronous.hub import Hub

LOGGER = "celery.worker.request"
BEGINNING = "Couldn't ack"
"""Of what kombu logs (`kombu.message.Message.ack_log_error`): it tells nobody else."""


class AcknowledgementLost(ConnectionError):
    """Ends the connection as if Redis had: Celery makes a new one."""


class _Listener(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.heard = threading.Event()

    def emit(self, record: logging.LogRecord) -> None:
        if str(record.msg).startswith(BEGINNING):
            self.heard.set()


class ReconnectStep(bootsteps.StartStopStep):  # type: ignore[misc]
    """A step of Celery's consumer that looks for lost acknowledgements at each turn of its loop."""

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def __init__(self, parent: Any, **kwargs: Any) -> None:
        super().__init__(parent, **kwargs)
        self._listener = _Listener()
        logging.getLogger(LOGGER).addHandler(self._listener)

    def register_with_event_loop(self, parent: Any, hub: Hub) -> None:
        """Look at each turn of the loop; called again for each connection."""
        self._listener.heard.clear()
        hub.on_tick.add(self.check)

    def check(self) -> None:
        """End the connection if an acknowledgement was lost on it.

        Raises
        ------
        AcknowledgementLost
            If one was.
        """
        if self._listener.heard.is_set():
            self._listener.heard.clear()
            raise AcknowledgementLost("an acknowledgement was lost")


def reconnect_after_lost_acknowledgements(app: Celery) -> None:
    """Let the workers of an app do so."""
    app.steps["consumer"].add(ReconnectStep)
