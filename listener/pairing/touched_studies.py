"""The studies in which something happened lately: only there can a late image concern a job that waits no more."""

import threading
import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from listener.ledger.database import Ledger
from listener.settings import ListenerSettings
from listener.spool.job_queries import studies_changed_since

SKEW = timedelta(seconds=60)
"""By how much the clocks of two listeners, or of a listener and a worker, may differ."""


class TouchedStudies:
    """Studies of which an object came, or a job changed, not longer ago than images take to settle."""

    def __init__(self, ledger: Ledger, settings: ListenerSettings) -> None:
        self._ledger = ledger
        longest = max(settings.settle_seconds, settings.settle_unreferenced_seconds)
        self.seconds = 2 * (longest + settings.sweep_seconds)  # as `SeriesWatch`: a scan may come late
        """For how long a study is looked at after something happened in it."""
        self._looked_at: dict[str, float | None] = {}
        """When each was looked at first since; None: not yet, however long ago it was touched."""
        self._lock = threading.Lock()
        self._asked: datetime | None = None

    def touch(self, study_uids: Iterable[str]) -> None:
        """Note that something happened in these studies."""
        with self._lock:
            self._looked_at.update(dict.fromkeys(study_uids))

    def now(self) -> list[str]:
        """Return the studies to be looked at, including those whose jobs others have changed."""
        asked = datetime.now(UTC)
        if self._asked is not None:
            changed = studies_changed_since(self._ledger, min(self._asked, asked) - SKEW)
            self.touch(changed - self._looked_at.keys())
        self._asked = asked
        now = time.monotonic()
        with self._lock:
            looked_at = {study: now if at is None else at for study, at in self._looked_at.items()}
            self._looked_at = {study: at for study, at in looked_at.items() if now - at <= self.seconds}
            return sorted(self._looked_at)
