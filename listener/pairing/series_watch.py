"""Since when a series folder has been unchanged, by the monotonic clock."""

import os
import time
from dataclasses import dataclass
from pathlib import Path

from listener.pairing.evidence import series_of_study
from listener.settings import ListenerSettings
from listener.spool.job_record import JobRecord
from listener.spool.spool import Spool


@dataclass(frozen=True)
class Observation:
    """When a series folder was first seen as it is now."""

    mtime_ns: int
    since: float
    """Monotonic seconds."""


class SeriesWatch:
    """What this process has observed of the series folders.

    A folder's modification time is compared with itself only, never with the clock: a clock that jumps can neither
    hold a job back nor hurry it. Used by one thread.
    """

    def __init__(self, spool: Spool, settings: ListenerSettings) -> None:
        self._spool = spool
        self._settings = settings
        self._observed: dict[Path, Observation] = {}

    def has_grown(self, folder: Path, known_count: int) -> bool:
        """Return whether a series may hold more than ``known_count`` instances; lists it again only after a change."""
        if not self.may_have_changed(folder):
            return False
        return sum(name.endswith(".dcm") for name in os.listdir(folder)) > known_count

    def may_have_changed(self, folder: Path) -> bool:
        """Return whether a folder exists and was not yet seen as it is now, or only lately."""
        before = self._observed.get(folder)
        now = self._observe(folder)
        if now is None:
            return False
        return before is None or before.mtime_ns != now.mtime_ns or not self._settled_long_ago(now)

    def quiet_seconds(self, job: JobRecord) -> float:
        """Return for how long no series of a job's study has changed, except that of the outline.

        As far as this process has observed. The series that the outline does not name count too, because a phase before
        contrast may be among them.
        """
        seen = [observation for folder in self._image_folders(job) if (observation := self._observe(folder))]
        return time.monotonic() - max((observation.since for observation in seen), default=time.monotonic())

    def outline_came_last(self, job: JobRecord) -> bool:
        """Return whether nothing of a job's study came after its outline: senders send what is drawn on afterwards."""
        outlines = self._observe(self._spool.series_folder(job.study_uid, job.seg.series_uid))
        images = [observation for folder in self._image_folders(job) if (observation := self._observe(folder))]
        return outlines is not None and all(one.mtime_ns <= outlines.mtime_ns for one in images)

    def _image_folders(self, job: JobRecord) -> list[Path]:
        watched = {*series_of_study(self._spool, job.study_uid)} - {job.seg.series_uid}
        return [self._spool.series_folder(job.study_uid, series) for series in sorted(watched)]

    def _settled_long_ago(self, seen: Observation) -> bool:
        longest = max(self._settings.settle_seconds, self._settings.settle_unreferenced_seconds)
        return time.monotonic() - seen.since > 2 * (longest + self._settings.sweep_seconds)  # a scan may come late

    def _observe(self, folder: Path) -> Observation | None:
        try:
            mtime_ns = folder.stat().st_mtime_ns
        except FileNotFoundError:
            self._observed.pop(folder, None)
            return None
        seen = self._observed.get(folder)
        if seen is None or seen.mtime_ns != mtime_ns:
            seen = self._observed[folder] = Observation(mtime_ns, time.monotonic())
        return seen
