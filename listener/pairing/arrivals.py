"""Which studies may still be arriving: those of which an open association has brought something.

A sender that has more of a study to send usually keeps its association open. Where none is open, and an outline came
last, there is nothing to wait for beyond the instances that it names.
"""

import os
import threading
from collections.abc import Callable
from pathlib import Path


class Arrivals:
    """The open associations of this listener, and the studies that each has brought. For any thread."""

    def __init__(self, receiving: Path, ended: Callable[[], None] = lambda: None) -> None:
        """``receiving`` has a folder for each open association, also those of other listeners."""
        self._receiving = receiving
        self._notify_end = ended
        self._studies: dict[str, set[str]] = {}
        self._lock = threading.Lock()

    def begin(self, association: str) -> None:
        """Note an association, before its folder is made."""
        with self._lock:
            self._studies[association] = set()

    def brought(self, association: str, study_uid: str) -> None:
        """Note that an association has brought an object of this study."""
        with self._lock:
            self._studies.setdefault(association, set()).add(study_uid)

    def end(self, association: str) -> None:
        """Note that an association has ended, after its folder was removed."""
        with self._lock:
            self._studies.pop(association, None)
        self._notify_end()

    def may_bring(self, study_uid: str) -> bool:
        """Return whether more of a study may come: from an association that brought some, or of another listener."""
        with self._lock:
            if any(study_uid in studies for studies in self._studies.values()):
                return True
            try:
                return any(name not in self._studies for name in os.listdir(self._receiving))
            except OSError:
                return True
