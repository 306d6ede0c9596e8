"""Converted images take the place of those that they were converted from."""

from collections.abc import Sequence

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import (
    EnhancedMRImageStorage,
    LegacyConvertedEnhancedMRImageStorage,
    MRImageStorage,
)

from listener.spool.jobs import JobState
from listener.spool.spool import Spool
from support.dicom_objects import (
    IMAGES,
    image,
    image_uid,
    outline,
)
from support.pairing_station import Clock, Station


def split_from(uid: str, number: int, series: str) -> Dataset:
    """Return a classic image that an archive split from an Enhanced object."""
    made = image(number, series=series)
    source = Dataset()
    source.ReferencedSOPClassUID, source.ReferencedSOPInstanceUID = EnhancedMRImageStorage, uid
    made.ConversionSourceAttributesSequence = [source]
    return made


def combined_from(uids: Sequence[str], series: str) -> Dataset:
    """Return an Enhanced object whose frames were made of classic images."""
    made = image(1, series=series)
    made.SOPClassUID = made.file_meta.MediaStorageSOPClassUID = LegacyConvertedEnhancedMRImageStorage
    made.PerFrameFunctionalGroupsSequence = []
    for uid in uids:
        frame, source = Dataset(), Dataset()
        source.ReferencedSOPClassUID, source.ReferencedSOPInstanceUID = MRImageStorage, uid
        frame.ConversionSourceAttributesSequence = [source]
        made.PerFrameFunctionalGroupsSequence.append(frame)
    return made


@pytest.mark.parametrize("form", ["enhanced", "classic"])
def test_converted_images_end_the_waiting_before_the_deadline(station: Station, form: str) -> None:
    """They name each missing image as their source: ready once nothing more comes, and again with the named images."""
    twin = f"{IMAGES}5"
    numbers = [1, 2, 3] if form == "enhanced" else [1]
    station.receive(outline(images=numbers))
    if form == "enhanced":
        station.receive(combined_from([image_uid(number) for number in numbers], twin))
    else:
        station.receive(split_from(image_uid(1), 1, twin))
        station.scan(30.0)
        station.receive(split_from(image_uid(1), 2, twin))
    station.scan(59.0)
    assert not station.jobs(JobState.READY)
    station.scan(2.0)
    (job,) = station.jobs(JobState.READY)
    assert (job["not_complete"], set(job["instances"])) == (None, {twin})
    for number in numbers:
        station.receive(image(number))
    station.scan(61.0)
    station.scan()
    versions = {job["version"]: set(job["instances"]) for job in station.jobs()}
    assert versions == {1: {twin}, 2: {IMAGES}}


def test_converted_images_stand_only_for_all_that_is_missing(spool: Spool, clock: Clock) -> None:
    """One image that nothing was made of is waited for; so is everything where images only derive from the named."""
    station = Station(spool, clock, deadline_seconds=500.0)
    station.receive(outline(images=[1, 2]))
    station.receive(combined_from([image_uid(1)], f"{IMAGES}5"))
    subtraction = image(2, series=f"{IMAGES}6")
    subtraction.SourceImageSequence = split_from(image_uid(2), 1, IMAGES).ConversionSourceAttributesSequence
    station.receive(subtraction)
    station.scan(100.0)
    station.scan(300.0)
    assert not station.jobs(JobState.READY)
    station.receive(image(2))
    station.scan(61.0)
    (job,) = station.jobs(JobState.READY)
    assert set(job["instances"]) == {IMAGES, f"{IMAGES}5"}


@pytest.mark.parametrize("converted", [True, False])
def test_images_that_come_after_the_deadline_in_another_series_make_a_version(
    spool: Spool, clock: Clock, converted: bool
) -> None:
    """Closed without images: what comes later is looked for in the whole study, converted or under another series."""
    station = Station(spool, clock, deadline_seconds=50.0, settle_unreferenced_seconds=3.0)
    station.close_without_images(images=[1, 2])
    station.scan(1000.0)
    twin = f"{IMAGES}5"
    if converted:
        station.receive(combined_from([image_uid(1), image_uid(2)], twin))
    for number in () if converted else (1, 2):
        moved = image(number)
        moved.SeriesInstanceUID = twin
        station.receive(moved)
    station.scan(4.0)
    station.scan(4.0)
    versions = {job["version"]: (set(job["instances"]), job["not_complete"]) for job in station.jobs()}
    assert versions[2] == ({twin}, None)


def test_images_that_all_lie_in_another_series_settle_there(station: Station) -> None:
    """The series that the outline names never comes: ready after the quiet of the one that holds its images."""
    station.receive(outline(images=[1]))
    moved = image(1)
    moved.SeriesInstanceUID = f"{IMAGES}5"
    station.receive(moved)
    station.scan(3.0)
    (job,) = station.jobs(JobState.READY)
    assert set(job["instances"]) == {f"{IMAGES}5"}
