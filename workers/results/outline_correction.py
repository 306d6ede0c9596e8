"""How far a corrected outline differs from the one that it replaces."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset

from workers.features.regions import Region
from workers.results.result_record import OutlineCorrection
from workers.results.segmentation import SEGMENT_NUMBERS
from workers.results.source_slices import SourceSlice

TOLERANCE_MM = 0.01
"""Positions are written as decimal strings."""

Place = tuple[float, ...]


def correction(
    outline: str, tumour: NDArray[np.bool_], slices: Sequence[SourceSlice], earlier: Dataset | None
) -> OutlineCorrection:
    """Compare a tumour with the one of an earlier segmentation of radtme.

    ``tumour`` is (slice, row, column) on ``slices``; ``earlier`` is None where there is no segmentation.
    """
    before = _frames(earlier, slices[0]) if earlier is not None else None
    places = [_place(one.position_mm) for one in slices]
    if before is None or not before.keys() <= set(places):
        return OutlineCorrection(outline)
    old = np.stack([before.get(place, np.zeros(tumour.shape[1:], bool)) for place in places])
    both = int(np.count_nonzero(old & tumour))
    sizes = int(np.count_nonzero(old)), int(np.count_nonzero(tumour))
    if not all(sizes):
        return OutlineCorrection(outline)
    return OutlineCorrection(outline, round(2 * both / sum(sizes), 6), round(sizes[1] / sizes[0], 6))


def _frames(earlier: Dataset, first: SourceSlice) -> Mapping[Place, NDArray[np.bool_]] | None:
    """Return the tumour's frames by position; None where they are on another grid than ``first``."""
    shared = earlier.SharedFunctionalGroupsSequence[0]
    orientation = shared.PlaneOrientationSequence[0].ImageOrientationPatient
    spacing = shared.PixelMeasuresSequence[0].PixelSpacing
    if not (_close(orientation, first.orientation) and _close(spacing, first.pixel_spacing_mm)):
        return None
    pixels = earlier.pixel_array.reshape(-1, int(earlier.Rows), int(earlier.Columns)).astype(bool)
    found = {}
    for group, frame in zip(earlier.PerFrameFunctionalGroupsSequence, pixels, strict=True):
        holder = group if "SegmentIdentificationSequence" in group else shared
        if holder.SegmentIdentificationSequence[0].ReferencedSegmentNumber == SEGMENT_NUMBERS[Region.TUMOUR]:
            found[_place(group.PlanePositionSequence[0].ImagePositionPatient)] = frame
    return found


def _place(position_mm: Sequence[float]) -> Place:
    return tuple(round(float(value) / TOLERANCE_MM) for value in position_mm)


def _close(one: Sequence[float], other: Sequence[float]) -> bool:
    return bool(np.allclose([float(value) for value in one], other, atol=1e-4))
