"""Repeats the frames of a segmentation on the other phases of the same series, for viewers that go by position.

Where one series holds several phases, OHIF goes from a segment to the first image at its position: the phase before
contrast, on which nothing is drawn. With a frame for every phase the regions are drawn wherever it goes. Readers that
count voxels count them once for each phase.
"""

from collections.abc import Mapping, Sequence
from copy import deepcopy

import numpy as np
from pydicom import Dataset

from workers.results.instance_reference import InstanceReference
from workers.results.source_slices import SourceSlice

TOLERANCE_MM = 0.01
"""Between positions of one slice in two phases."""


def other_phases(slices: Sequence[SourceSlice], series: Sequence[Dataset]) -> list[dict[str, InstanceReference]]:
    """Return the other phases: for each, the instance at the position of each measured slice, by its UID.

    ``series`` are the headers of classic images of the series. A phase that lacks a slice has no entry for it.
    """
    measured = {one.reference.sop_instance_uid for one in slices}
    candidates = [header for header in series if _is_placed(header) and str(header.SOPInstanceUID) not in measured]
    found = {
        one.reference.sop_instance_uid: [InstanceReference.of(header) for header in candidates if _is_at(header, one)]
        for one in slices
        if one.frame_number is None
    }
    count = max(map(len, found.values()), default=0)
    return [{uid: there[phase] for uid, there in found.items() if phase < len(there)} for phase in range(count)]


def _is_placed(header: Dataset) -> bool:
    return all(header.get(keyword) for keyword in ("ImagePositionPatient", "ImageOrientationPatient", "SOPInstanceUID"))


def _is_at(header: Dataset, one: SourceSlice) -> bool:
    pairs = ((header.ImagePositionPatient, one.position_mm), (header.ImageOrientationPatient, one.orientation))
    same_series = str(header.SeriesInstanceUID) == one.reference.series_uid
    return same_series and all(
        len(there) == len(own) and np.allclose([float(value) for value in there], own, atol=TOLERANCE_MM)
        for there, own in pairs
    )


def repeat_on(segmentation: Dataset, phases: Sequence[Mapping[str, InstanceReference]]) -> None:
    """Add a copy of each frame for each phase that has its slice, with that phase's image as its source."""
    if not phases:
        return
    groups = list(segmentation.PerFrameFunctionalGroupsSequence)
    size = int(segmentation.Rows) * int(segmentation.Columns)
    bits = np.unpackbits(np.frombuffer(segmentation.PixelData, np.uint8), bitorder="little")
    frames = list(bits[: len(groups) * size].reshape(len(groups), size))
    series = segmentation.ReferencedSeriesSequence[0]
    for phase in phases:
        for group, frame in zip(groups, frames[: len(groups)], strict=True):
            source = group.DerivationImageSequence[0].SourceImageSequence[0]
            if (other := phase.get(str(source.ReferencedSOPInstanceUID))) is not None:
                copied = deepcopy(group)
                copied.DerivationImageSequence[0].SourceImageSequence[0].update(other.item())
                segmentation.PerFrameFunctionalGroupsSequence.append(copied)
                frames.append(frame)
        series.ReferencedInstanceSequence.extend(other.item() for other in phase.values())
    segmentation.NumberOfFrames = len(frames)
    packed = np.packbits(np.concatenate(frames), bitorder="little").tobytes()
    segmentation.PixelData = packed + b"\0" * (len(packed) % 2)
