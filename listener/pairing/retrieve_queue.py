"""Retrievals of missing images in the background, a few at a time."""

import threading
from collections.abc import Callable, Mapping
from functools import partial

from listener.pairing.evidence import Evidence
from listener.runtime.logger import Logger

log = Logger(__name__)

FETCHES_AT_ONCE = 4
"""A PACS that does not answer one of them must not hold up the others."""

Fetch = Callable[[str, Mapping[str, tuple[str, ...]]], None]
"""Requests instances of a study from the PACS, by series."""


class RetrieveQueue:
    """Requests what is missing without making the pairer wait. A C-MOVE that is under way ends with the process."""

    def __init__(self, fetch: Fetch | None) -> None:
        self._fetch = fetch
        self._at_once = threading.BoundedSemaphore(FETCHES_AT_ONCE)
        self._stopping = threading.Event()

    def request(self, study_uid: str, found: Evidence) -> None:
        """Request the missing images of a job; nothing where no PACS is configured that could send them."""
        log.info("missing_instances_requested", study_uid=study_uid, missing=found.missing_count)
        if self._fetch is not None:
            fetch = partial(self._fetch_in_turn, self._fetch, study_uid, found.missing)
            # Daemons: a PACS that does not answer must not keep the process from ending.
            threading.Thread(target=fetch, name="retrieve", daemon=True).start()

    def stop(self) -> None:
        """Start no further retrieval."""
        self._stopping.set()

    def _fetch_in_turn(self, fetch: Fetch, study_uid: str, missing: Mapping[str, tuple[str, ...]]) -> None:
        with self._at_once:
            if self._stopping.is_set():
                return
            try:
                fetch(study_uid, missing)
            except Exception:
                log.exception("pairing_failed")
