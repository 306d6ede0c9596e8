"""The quarantine: refused objects that are kept for inspection, within a share of the disk.

A permitted sender can send refused objects without limit. So the first ones are kept, as evidence; beyond the limits an
object gets the same status and the same log line, and its bytes are dropped. No sender may
take more than half, so that one that has gone wild leaves room to see what goes wrong with another.
"""

import threading
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from listener.ledger.database import LedgerUnavailable
from listener.ledger.quarantine import QuarantineReason, Share, quarantine_shares
from listener.spool.quarantined import agree, found_there
from listener.spool.spool import Spool

RECOUNT_SECONDS = 30.0
"""Someone may have emptied the folder, or another listener may have filled it."""
SENDERS_SHARE = 0.5


class Quarantine:
    """Puts objects into quarantine while there is room. Shared by all associations of a listener."""

    def __init__(self, spool: Spool, max_bytes: int, max_objects: int) -> None:
        self._spool = spool
        self._max_bytes = max_bytes
        self._max_objects = max_objects
        self._lock = threading.Lock()
        self._counted_at = -RECOUNT_SECONDS
        self._bytes: Counter[str] = Counter()
        self._objects: Counter[str] = Counter()

    def put(self, part: Path, sop_instance_uid: str, reason: QuarantineReason) -> bool:
        """Move a received file there with ``reason``; False where there is no room, and the file is left.

        ``reason.calling_ae_title`` is whose share it takes.
        """
        sender, size = reason.calling_ae_title, part.stat().st_size
        with self._lock:
            self._recount()
            if not self._has_room(sender, size):
                return False
            self._bytes[sender] += size
            self._objects[sender] += 1
        self._spool.put_in_quarantine(part, sop_instance_uid, reason)
        return True

    def _has_room(self, sender: str, size: int) -> bool:
        return (
            self._bytes.total() + size <= self._max_bytes
            and self._objects.total() < self._max_objects
            and self._bytes[sender] + size <= SENDERS_SHARE * self._max_bytes
            and self._objects[sender] < SENDERS_SHARE * self._max_objects
        )

    def _recount(self) -> None:
        if time.monotonic() - self._counted_at < RECOUNT_SECONDS:
            return
        shares = self._shares()
        self._bytes = Counter({sender: one.bytes for sender, one in shares.items()})
        self._objects = Counter({sender: one.objects for sender, one in shares.items()})
        self._counted_at = time.monotonic()

    def _shares(self) -> Mapping[str, Share]:
        try:
            agree(self._spool)
            return quarantine_shares(self._spool.ledger)
        except LedgerUnavailable:  # what lies there counts, whoever sent it
            return {"": found_there(self._spool)}
