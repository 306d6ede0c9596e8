"""The images of an outline that are in the spool, and those that are missing."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from listener.dicom.uids import is_uid
from listener.pairing.conversion_sources import ConversionSources
from listener.spool.atomic_files import fsync_folder
from listener.spool.job_record import UNKNOWN_SERIES, JobRecord, Pairing
from listener.spool.spool import Spool


class WaitsFor(StrEnum):
    """Why a job waits, as one word for a metric."""

    IMAGES = "images"
    """Images that its outline names."""
    ANY_IMAGE = "any_image"
    """Any image of the outline's frame of reference: it names none."""
    FETCH = "fetch"
    """Images that were requested by C-MOVE."""
    SETTLING = "settling"
    """Only the settle time: everything is there."""


@dataclass(frozen=True)
class Waiting:
    """What a job waits for, in numbers; its text is what ``radtme status`` prints."""

    required: int
    missing: int
    images: int
    """Images that are there: with ``frame_of_reference`` their expected number is unknown."""
    by_reference: bool = True
    where: str = ""
    """Where the missing ones are expected, in words."""

    def __str__(self) -> str:
        if not self.by_reference:
            return "any image of its frame of reference" if not self.images else f"{self.images} images to settle"
        if self.missing:
            return f"{self.missing} of {self.required} instances missing"
        return f"all {self.required} instances to settle"


@dataclass(frozen=True)
class Evidence:
    """The instances in the spool for one job."""

    images: Mapping[str, frozenset[str]]
    """All instances of the image series, by Series Instance UID."""
    required: Mapping[str, tuple[str, ...]]
    """What the outline names, under the series where it was found."""
    missing: Mapping[str, tuple[str, ...]]
    converted: bool = False
    """Whether images that were converted from missing ones take their place."""

    @property
    def missing_count(self) -> int:
        """The number of instances that have not arrived yet."""
        return sum(map(len, self.missing.values()))

    @property
    def image_count(self) -> int:
        """The number of images that are there."""
        return sum(map(len, self.images.values()))

    @property
    def complete(self) -> bool:
        """Whether everything that is named is there, and at least one image."""
        return not self.missing_count and self.image_count > 0

    def waits_for(self, fetched: bool) -> WaitsFor:
        """Return why a job waits that is not ready yet; ``fetched``: its images were asked for."""
        if self.complete:
            return WaitsFor.SETTLING
        if fetched:
            return WaitsFor.FETCH
        return WaitsFor.IMAGES if self.required else WaitsFor.ANY_IMAGE

    def waiting(self) -> Waiting:
        """Return the same in numbers."""
        return Waiting(
            required=sum(map(len, self.required.values())),
            missing=self.missing_count,
            images=self.image_count,
            by_reference=bool(self.required),
        )


class SeriesHeads:
    """Caches, for each series folder, the frame of reference of its first image: the whole series shares it."""

    def __init__(self) -> None:
        self._heads: dict[Path, tuple[bool, str]] = {}

    def is_image_of(self, folder: Path, frame_of_reference_uid: str | None) -> bool:
        """Return whether a series holds images in this frame of reference."""
        head = self._heads.get(folder) or self._read(folder)
        return head is not None and head[0] and bool(frame_of_reference_uid) and head[1] == frame_of_reference_uid

    def _read(self, folder: Path) -> tuple[bool, str] | None:
        # Only outlines that name no images get here: `radtme status` mostly does without pydicom.
        from listener.dicom.data_set import read_attributes
        from listener.dicom.sop_classes import is_image

        for path in folder.glob("*.dcm"):
            head = read_attributes(path, "SOPClassUID", "FrameOfReferenceUID")
            if head is None:
                continue  # another instance of the series may say it
            self._heads[folder] = (is_image(str(head.get("SOPClassUID"))), str(head.get("FrameOfReferenceUID", "")))
            return self._heads[folder]
        return None


def evidence(
    spool: Spool, job: JobRecord, heads: SeriesHeads, conversions: ConversionSources | None = None
) -> Evidence:
    """Find a job's images in the spool; with ``conversions``, also what was converted from images that are missing."""
    if job.pairing is Pairing.FRAME_OF_REFERENCE:
        images = _images_by_frame_of_reference(spool, job, heads)
        return Evidence(images=images, required={}, missing={})
    required = dict(job.required)
    unknown = required.pop(UNKNOWN_SERIES, ())
    images = {series: spool.instances(job.study_uid, series) for series in required}
    # Some writers file the images of several series under one: what is not there is looked for in the whole study.
    required, misfiled = _misfiled(spool, job.study_uid, required, images)
    images |= {series: spool.instances(job.study_uid, series) for series in required}
    if unknown or misfiled:
        unknown = (*unknown, *misfiled)
        required, placed = _place(spool, job.study_uid, unknown, required)
        images |= placed
    missing = {
        series: left
        for series, instances in required.items()
        if (left := tuple(sorted(set(instances) - images.get(series, frozenset()))))
    }
    found = Evidence({series: found for series, found in images.items() if found}, required, missing)
    return _with_converted(spool, job, found, conversions) if missing and conversions else found


def _with_converted(spool: Spool, job: JobRecord, found: Evidence, conversions: ConversionSources) -> Evidence:
    """Add the series of the study that were converted from the missing images, if they account for all of these."""
    missing = {uid for uids in found.missing.values() for uid in uids}
    converted: dict[str, frozenset[str]] = {}
    sources: set[str] = set()
    for series in series_of_study(spool, job.study_uid):
        instances = spool.instances(job.study_uid, series)
        of_series = conversions.of_series(spool.series_folder(job.study_uid, series), instances) & missing
        if of_series:
            converted[series] = instances
            sources |= of_series
    if missing != sources:
        return found
    return replace(found, images={**found.images, **converted}, missing={}, converted=True)


def _misfiled(
    spool: Spool,
    study_uid: str,
    required: Mapping[str, tuple[str, ...]],
    images: Mapping[str, frozenset[str]],
) -> tuple[dict[str, tuple[str, ...]], list[str]]:
    """Remove instances that are named under one series and are in another one of the study, and series left empty.

    Costs a listing of each series only where something is missing.
    """
    missing = {uid for series, uids in required.items() for uid in uids} - frozenset().union(*images.values(), ())
    if not missing:
        return dict(required), []
    lying = frozenset().union(*(spool.instances(study_uid, series) for series in series_of_study(spool, study_uid)))
    found = missing & lying
    kept = {series: tuple(uid for uid in uids if uid not in found) for series, uids in required.items()}
    return {series: uids for series, uids in kept.items() if uids}, sorted(found)


def _images_by_frame_of_reference(spool: Spool, job: JobRecord, heads: SeriesHeads) -> dict[str, frozenset[str]]:
    return {
        series: spool.instances(job.study_uid, series)
        for series in series_of_study(spool, job.study_uid)
        if heads.is_image_of(spool.series_folder(job.study_uid, series), job.frame_of_reference_uid)
    }


def _place(
    spool: Spool, study_uid: str, unknown: Iterable[str], required: Mapping[str, tuple[str, ...]]
) -> tuple[dict[str, tuple[str, ...]], dict[str, frozenset[str]]]:
    """Find the series of instances that are named without one; what is in no series stays under `UNKNOWN_SERIES`."""
    left = set(unknown)
    placed = dict(required)
    images: dict[str, frozenset[str]] = {}
    for series in series_of_study(spool, study_uid):
        lying = spool.instances(study_uid, series)
        here = left & lying
        if here:
            placed[series] = tuple(sorted(here.union(placed.get(series, ()))))
            images[series] = lying
            left -= here
    if left:
        placed[UNKNOWN_SERIES] = tuple(sorted(left))
    return placed, images


def series_of_study(spool: Spool, study_uid: str) -> list[str]:
    """Return the Series Instance UIDs of a study in the spool, sorted; other files are ignored."""
    folder = spool.studies / study_uid
    entries = folder.iterdir() if folder.is_dir() else ()
    return sorted(entry.name for entry in entries if is_uid(entry.name) and entry.is_dir())


def sync_names(spool: Spool, job: JobRecord, found: Evidence) -> None:
    """Make the names of all objects of a job survive a power cut: a job that is ready finds them without us."""
    for series_uid in {job.seg.series_uid, *found.images}:
        with suppress(FileNotFoundError):  # removed meanwhile: the job's worker says so
            fsync_folder(spool.series_folder(job.study_uid, series_uid))
