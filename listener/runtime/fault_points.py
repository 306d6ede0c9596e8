"""Named steps at which a test may end the process or make the disk fail. Off, and without cost, unless asked for.

``RADTME_FAULT=<point>:<action>[:<nth>]`` in a process's environment does ``action`` when the step is reached for the
``nth`` time (1 where it is left out): ``kill`` ends the process as a power cut would, ``stop`` holds it there until it
gets SIGCONT, and the name of an error, such as ``ENOSPC``, is raised as an OSError from then on. The tests in
``tests/faults`` visit every point.
"""

import errno
import os
import signal
from enum import StrEnum
from types import MappingProxyType

VARIABLE = "RADTME_FAULT"
SIGNALS = MappingProxyType({"kill": signal.SIGKILL, "stop": signal.SIGSTOP})


class FaultPoint(StrEnum):
    """The steps of an object and of a job, in the order in which they are passed."""

    RECEIVE_WRITTEN = "receive.written"
    """All bytes were received; none is on disk yet."""
    RECEIVE_SYNCED = "receive.synced"
    """The file is on disk with its name below ``receiving``; it does not have that in ``studies`` yet."""
    RECEIVE_LINKED = "receive.linked"
    """The object has its name in ``studies``, which may not be on disk yet, and still that below ``receiving``."""
    RECEIVE_KEPT = "receive.kept"
    """The object is kept; an outline has no job yet."""
    RECEIVE_ANNOUNCED = "receive.announced"
    """An outline has its job; nothing is acknowledged yet."""
    RECEIVE_ACKNOWLEDGED = "receive.acknowledged"
    """The response is on the wire."""
    QUARANTINE_MOVED = "quarantine.moved"
    """The object is in quarantine; the ledger does not say why yet."""
    FILE_WRITTEN = "file.written"
    """A whole file lies under its temporary name."""
    LEDGER_WRITTEN = "ledger.written"
    """All of a transaction is in the ledger; it is not committed."""
    JOB_MOVED = "job.moved"
    """A job has changed its state; nobody has been told."""
    PAIRING_DECIDED = "pairing.decided"
    """The images of a waiting job are known; nothing of it is in the ledger."""
    PAIRING_READIED = "pairing.readied"
    """The job is ready; no worker has been notified."""
    SCORE_CLAIMED = "score.claimed"
    """The job is running; its lock is held, and no attempt is counted."""
    SCORE_COUNTED = "score.counted"
    """The attempt is counted."""
    SCORE_BUILT = "score.built"
    """The results exist in memory alone."""
    OBJECTS_WRITTEN = "objects.written"
    """All result objects are in their staging folder."""
    OBJECTS_RENAMED = "objects.renamed"
    """All result objects are in ``objects``."""
    RESULT_WRITTEN = "result.written"
    """``result.json`` is there."""
    DELIVERY_QUEUED = "delivery.queued"
    """Every target has its outbox entry and the job is being delivered, in a transaction that is not committed."""
    SCORE_HANDED_OVER = "score.handed_over"
    """The job is being delivered; no worker has been notified."""
    DELIVERY_OPENED = "delivery.opened"
    """The target has accepted the association; nothing is sent."""
    DELIVERY_SENT = "delivery.sent"
    """The target has answered for an object; the answer has not been recorded."""
    DELIVERY_NOTED = "delivery.noted"
    """The answer of a target to an object is recorded."""
    DELIVERY_TRIED = "delivery.tried"
    """The association has ended; the outcome of the attempt is not recorded."""
    DELIVERY_RECORDED = "delivery.recorded"
    """The last delivery is settled; the transaction that also ends the job is not committed."""


class _Fault:
    """What is to happen, where, and when."""

    def __init__(self, text: str) -> None:
        where, action, *nth = text.split(":")
        self._point = FaultPoint(where)
        self._signal = SIGNALS.get(action)
        self._errno = 0 if self._signal else int(getattr(errno, action))
        self._left = int(nth[0]) if nth else 1

    def reached(self, point: FaultPoint) -> None:
        if point is not self._point:
            return
        self._left -= 1
        if self._left > 0:
            return
        if self._signal is None:
            raise OSError(self._errno, os.strerror(self._errno))
        if self._left == 0:
            os.kill(os.getpid(), self._signal)


_armed: list[_Fault] = []


def arm(text: str) -> None:
    """Arm a fault in this process, in the form of ``RADTME_FAULT``."""
    _armed.append(_Fault(text))


def reach(point: FaultPoint) -> None:
    """Pass a step: called where it is done."""
    for fault in _armed:
        fault.reached(point)


if os.environ.get(VARIABLE):
    arm(os.environ[VARIABLE])
