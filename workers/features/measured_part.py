"""The part of a phase volume that a profile measures.

With `Normalisation.NEAR_TISSUE`, only the surroundings of the outline are used, and the resampled grid begins at the
outline: another field of view, or padding, that keeps these surroundings gives the same numbers.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model_store.signatures.profile import FeatureProfile, Normalisation
from workers.features.normalisation import near_tissue_intensities
from workers.features.resampling import Intensities, Resampled, intensities_of, to_source
from workers.images.volume import Volume
from workers.images.voxels import Box, box_of
from workers.outline.region_of_interest import RegionOfInterest


@dataclass(frozen=True, eq=False)
class MeasuredPart:
    """Arrays (z, y, x) of the part."""

    box: Box
    """Its box in the volume."""
    array: NDArray[np.generic]
    spacing_zyx: tuple[float, float, float]
    tumour: NDArray[np.bool_]
    other_tissue: NDArray[np.bool_] | None
    """Other segments and padding, which are excluded from the ring."""
    intensities: Intensities
    anchor: tuple[int, int, int]
    """Voxel of the part at which the resampled grid begins."""
    before_contrast: NDArray[np.generic] | None
    """The same part before contrast, where that phase exists."""

    @property
    def start(self) -> tuple[int, int, int]:
        """Voxel of the volume at which the part begins."""
        z, y, x = self.box
        return z.start, y.start, x.start


def measured_part(volume: Volume, roi: RegionOfInterest, profile: FeatureProfile) -> MeasuredPart:
    """Return the part of a volume that the profile measures.

    Raises
    ------
    RejectedInput
        INVALID_PIXELS where there is too little tissue around the outline as a reference.
    """
    if profile.normalisation is Normalisation.WHOLE_IMAGE:
        z, y, x = (slice(0, size) for size in volume.array.shape)
        intensities = intensities_of(volume.array, volume.padding)
        return _part(volume, roi, (z, y, x), intensities, (0, 0, 0))
    box = near_box(roi.box, roi.tumour.shape, volume.grid.spacing_zyx, profile.reach_mm)
    box = within(box, without_empty_borders(volume.array[box], box_of(roi.tumour[box])))
    padding = None if volume.padding is None else volume.padding[box]
    tumour = roi.tumour[box]
    intensities = near_tissue_intensities(volume.array[box], volume.grid.spacing_zyx, tumour, padding, profile)
    z, y, x = box_of(tumour)
    return _part(volume, roi, box, intensities, (z.start, y.start, x.start))


def on_volume(mask: NDArray[np.bool_], resampled: Resampled, part: MeasuredPart, volume: Volume) -> NDArray[np.bool_]:
    """Map a mask on the resampled crop back to the volume's grid, by nearest neighbour."""
    whole = np.zeros(volume.array.shape, dtype=np.bool_)
    whole[part.box] = to_source(mask, resampled)
    return whole


def near_box(box: Box, shape: tuple[int, ...], spacing_zyx: tuple[float, float, float], reach_mm: float) -> Box:
    """Return a box in an array of this shape (z, y, x), extended by ``reach_mm`` on each side within the array."""
    wider = (int(np.ceil(reach_mm / step)) for step in spacing_zyx)
    z, y, x = (
        slice(max(0, part.start - by), min(size, part.stop + by))
        for part, size, by in zip(box, shape, wider, strict=True)
    )
    return z, y, x


def within(outer: Box, inner: Box) -> Box:
    """Return a box in coordinates of the whole array, given a box within its part ``outer``."""
    z, y, x = (slice(out.start + one.start, out.start + one.stop) for out, one in zip(outer, inner, strict=True))
    return z, y, x


def without_empty_borders(array: NDArray[np.generic], keep: Box, darkest: float | None = None) -> Box:
    """Return the box of an array (z, y, x) without border planes that hold only its lowest value, ``darkest``.

    Such planes hold no image data: padding, or air that a scanner set to zero. The box ``keep`` is never cut.
    """
    darkest = array.min() if darkest is None else darkest
    found: list[slice] = []
    for axis, kept in enumerate(keep):
        planes = np.moveaxis(array, axis, 0)
        first, last = 0, len(planes)
        while first < kept.start and planes[first].max() == darkest:
            first += 1
        while last > kept.stop and planes[last - 1].max() == darkest:
            last -= 1
        found.append(slice(first, last))
    z, y, x = found
    return z, y, x


def _part(
    volume: Volume, roi: RegionOfInterest, box: Box, intensities: Intensities, anchor: tuple[int, int, int]
) -> MeasuredPart:
    masks = [mask[box] for mask in (roi.other_tissue, volume.padding) if mask is not None]
    return MeasuredPart(
        box=box,
        array=volume.array[box],
        spacing_zyx=volume.grid.spacing_zyx,
        tumour=roi.tumour[box],
        other_tissue=np.logical_or.reduce(masks) if masks else None,
        intensities=intensities,
        anchor=anchor,
        before_contrast=None if volume.before_contrast is None else volume.before_contrast.part(box),
    )
