"""Notes in the ledger what has come of each study: in one transaction for all of which something came lately."""

from collections.abc import Iterable

from listener.pairing.evidence import series_of_study
from listener.spool.spool import Spool
from listener.spool.study_rows import arrivals_in, note_studies, noted_studies

AT_ONCE = 500
"""Studies a transaction: others wait for its end."""


class StudyNotes:
    """What this process has noted of the studies that something came of lately. Used by one thread."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._noted: dict[str, tuple[int, ...]] = {}
        """Times of the series folders when a study was noted."""

    def note(self, studies: Iterable[str]) -> None:
        """Note these studies, except those in which nothing has changed since; forget all others."""
        now = {study: self._times(study) for study in studies}
        changed = [study for study, times in now.items() if times and times != self._noted.get(study)]
        self._write(changed)
        self._noted = now

    def note_missing(self, studies: Iterable[str], recent: frozenset[str]) -> None:
        """Note all of these studies that are not in the ledger, and those that something came of lately."""
        known = noted_studies(self._spool.ledger) - recent
        self._write([study for study in studies if study not in known])

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
