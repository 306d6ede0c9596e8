"""Notes in the ledger what has come of each study: in one transaction for all of which something came lately."""

import time
from collections.abc import Iterable
from dataclasses import dataclass

from listener.pairing.evidence import series_of_study
from listener.spool.spool import Spool
from listener.spool.study_rows import arrivals_in, note_studies, noted_studies

AT_ONCE = 500
"""Studies a transaction: others wait for its end."""


LONGEST_SECONDS = 5.0
"""While images come, each note would cost a transaction and a listing of all of them at every turn."""


@dataclass(frozen=True)
class Noted:
    """A study as it was noted."""

    times: tuple[int, ...]
    """Of its series folders."""
    at: float
    """Monotonic seconds."""


NEVER = Noted((), float("-inf"))


class StudyNotes:
    """What this process has noted of the studies that something came of lately. Used by one thread."""

    def __init__(self, spool: Spool, every_seconds: float = 0.0) -> None:
        """``every_seconds``: a study of which images come is noted no more often, or at `LONGEST_SECONDS`."""
        self._spool = spool
        self._every_seconds = min(every_seconds, LONGEST_SECONDS)
        self._noted: dict[str, Noted] = {}
        self._missing: list[str] = []

    @property
    def has_more(self) -> bool:
        """Whether studies are left that the ledger lacks."""
        return bool(self._missing)

    def note(self, studies: Iterable[str]) -> None:
        """Note these studies, except those in which nothing has changed since or that were noted just now.

        And some of those that the ledger lacks.
        """
        now = time.monotonic()
        found = {study: Noted(self._times(study), now) for study in studies}
        due = [study for study, seen in found.items() if self._is_due(study, seen)]
        lacking = self._missing[:AT_ONCE]
        self._write([*due, *lacking])
        self._missing = self._missing[len(lacking) :]
        self._noted = {study: found[study] if study in due else self._noted.get(study, NEVER) for study in found}

    def _is_due(self, study: str, seen: "Noted") -> bool:
        before = self._noted.get(study, NEVER)
        return bool(seen.times) and seen.times != before.times and seen.at - before.at >= self._every_seconds

    def look_for_missing(self, studies: Iterable[str]) -> None:
        """Find those of these studies that are not in the ledger, to be noted in the next turns, some at a time."""
        found = sorted(studies)
        known = noted_studies(self._spool.ledger, found)
        self._missing = [study for study in found if study not in known]

    def _write(self, studies: list[str]) -> None:
        for start in range(0, len(studies), AT_ONCE):
            folders = (self._spool.studies / study for study in studies[start : start + AT_ONCE])
            found = [one for folder in folders if (one := arrivals_in(folder))]
            if found:
                note_studies(self._spool.ledger, found)

    def _times(self, study: str) -> tuple[int, ...]:
        times = []
        for series in series_of_study(self._spool, study):
            try:
                times.append(self._spool.series_folder(study, series).stat().st_mtime_ns)
            except FileNotFoundError:  # removed meanwhile
                continue
        return tuple(times)
