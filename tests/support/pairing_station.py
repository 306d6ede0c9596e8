"""A pairer on a spool, whose scans and whose clock the test controls."""

from typing import Any

from pydicom.dataset import Dataset

from listener.dicom.sop_classes import is_outline
from listener.pairing.pairer import Pairer
from listener.pairing.segmentation_references import outline_of
from listener.settings import ListenerSettings
from listener.spool.jobs import JobState
from listener.spool.record_file import as_json
from listener.spool.spool import Kept, Spool
from support.dicom_objects import (
    file_bytes,
    outline,
)


class Clock:
    """A monotonic clock that the test sets."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        """Return the time."""
        return self.now


class Station:
    """A pairer on a spool without its thread: the test stores objects and scans."""

    def __init__(self, spool: Spool, clock: Clock, **settings: Any) -> None:
        self.spool, self.clock = spool, clock
        self.announced: list[str] = []
        self.fetched: list[tuple[str, Any]] = []
        self.settings = ListenerSettings(
            spool=spool.root, **{"settle_seconds": 2.0, "settle_unreferenced_seconds": 60.0, **settings}
        )
        self.may_bring = True
        self.pairer = Pairer(
            spool,
            self.settings,
            self.announced.append,
            lambda study, missing: self.fetched.append((study, missing)),
            may_bring=lambda study: self.may_bring,
        )

    def receive(self, object_: Dataset) -> Kept:
        """Do what the receive path does with an object."""
        part = self.spool.receiving / "part"
        part.write_bytes(file_bytes(object_))
        kept = self.spool.keep(part, object_.StudyInstanceUID, object_.SeriesInstanceUID, object_.SOPInstanceUID)
        part.unlink(missing_ok=True)
        self.pairer.image_kept(object_.StudyInstanceUID)
        if is_outline(object_.SOPClassUID):
            self.pairer.outline_kept(outline_of(object_), "SENDER")
        return kept

    def scan(self, seconds: float = 0.0) -> None:
        """Let time pass, and look."""
        self.pairer.scan()
        self.clock.now += seconds
        self.pairer.scan()

    def close_without_images(self, **outline_of: Any) -> None:
        """Let a job come to its deadline, of 50 seconds, with nothing there."""
        self.receive(outline(**outline_of))
        self.scan(50.0)
        (job,) = self.jobs(JobState.READY)
        assert (job["instances"], job["not_complete"]["reason"]) == ({}, "missing_instances")

    def jobs(self, *states: JobState) -> list[dict[str, Any]]:
        """Return what the jobs say."""
        return [as_json(job.record) for job in self.spool.jobs(*states)]
