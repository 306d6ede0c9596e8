"""The audit of rejected peers: at once the first time, then at most once a minute with the number of rejections."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from listener.audit.events import Node, node_rejected
from listener.audit.trail import AuditLog, NotAudited
from listener.runtime.logger import Logger

log = Logger(__name__)

QUIET_SECONDS = 60.0
"""Further rejections of a peer are only counted for this long after a message: a flood must not fill the disk."""
MAX_REMEMBERED = 1024


@dataclass
class _Seen:
    told: float
    peer: Node
    called: str
    since: int = 0
    """The number of rejections since the last message."""


class RejectedPeers:
    """Writes rejected peers to the audit trail. Never raises: a rejection happens whether it can be audited or not."""

    def __init__(self, audit: AuditLog, clock: Callable[[], float] = time.monotonic) -> None:
        self._audit = audit
        self._clock = clock
        self._lock = threading.Lock()
        self._seen: OrderedDict[tuple[str, str], _Seen] = OrderedDict()

    def rejected(self, peer: Node, called: str, reason: str) -> None:
        """Write a rejection, or count it where the same one was written within the last minute."""
        with self._lock:
            key, now = (peer.address, reason), self._clock()
            seen = self._seen.get(key)
            if seen is not None and now - seen.told < QUIET_SECONDS:
                seen.since += 1
                seen.peer, seen.called = peer, called
                return
            times = 1 + (seen.since if seen else 0)
            self._seen[key] = _Seen(now, peer, called)
            self._seen.move_to_end(key)
            forgotten = [self._seen.popitem(last=False)] if len(self._seen) > MAX_REMEMBERED else []
        self._write(peer, called, reason, times)
        for (_, why), left in forgotten:
            self._rest(why, left)

    def end(self) -> None:
        """Write the rejections that were only counted so far."""
        with self._lock:
            left = list(self._seen.items())
            self._seen.clear()
        for (_, reason), seen in left:
            self._rest(reason, seen)

    def _rest(self, reason: str, seen: _Seen) -> None:
        if seen.since:
            self._write(seen.peer, seen.called, reason, seen.since)

    def _write(self, peer: Node, called: str, reason: str, times: int) -> None:
        try:
            self._audit.write(node_rejected(peer, called, reason, times))
        except NotAudited as error:
            log.error("audit_failed", reason=str(error), peer=peer.address)
