"""Control regions of a case: its own voxels shuffled, and a region of the same shape in other tissue."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.signal import correlate

from model_store.cohort.control_tables import ControlRegion
from model_store.signatures.profile import FeatureProfile
from workers.errors import RejectedInput
from workers.features.air import find_air
from workers.features.measurement import measure_volume
from workers.images.volume import Volume
from workers.images.voxels import box_of
from workers.outline.region_of_interest import RegionOfInterest

COARSE_MM = 3.0
CLEARANCE_MM = 10.0
"""Between the tumour's border and the control region: more than the width of the ring and of most oedema."""
RING_SLACK_MM = 1.0
"""Added to the width of the ring, because the region is searched for on a coarse grid."""


def control_features(
    volume: Volume, roi: RegionOfInterest, ring: NDArray[np.bool_], profile: FeatureProfile, seed: int
) -> dict[ControlRegion, dict[str, float] | str]:
    """Return the features of each control region by column name, or the reason why it has none.

    ``ring`` is the measured ring on the volume's grid (z, y, x).
    """
    found: dict[ControlRegion, dict[str, float] | str] = {}
    shuffled = shuffled_voxels(volume, roi.tumour, ring, np.random.default_rng(seed))
    found[ControlRegion.SHUFFLED_VOXELS] = _measured(shuffled, roi, profile)
    moved_tumour = elsewhere(volume, roi, profile)
    found[ControlRegion.ELSEWHERE] = (
        "no_place"
        if moved_tumour is None
        else _measured(volume, RegionOfInterest(moved_tumour, roi.other_tissue), profile)
    )
    return found


def shuffled_voxels(
    volume: Volume, tumour: NDArray[np.bool_], ring: NDArray[np.bool_], rng: np.random.Generator
) -> Volume:
    """Return the volume with the voxels of the tumour, and those of the ring outside it, each in random order."""
    array = volume.array.copy()
    for region in (tumour, ring & ~tumour):
        array[region] = rng.permutation(array[region])
    return replace(volume, array=array)


def elsewhere(volume: Volume, roi: RegionOfInterest, profile: FeatureProfile) -> NDArray[np.bool_] | None:
    """Return the outline moved to the nearest position where it and its ring lie in the body, away from the tumour.

    None where there is none.
    """
    spacing = volume.grid.spacing_zyx
    air = find_air(volume.array, spacing, profile)
    steps = np.array(air.steps if air else [max(1, round(COARSE_MM / size)) for size in spacing])
    taken = _coarse(np.zeros(volume.array.shape, np.bool_), steps) if air is None else air.mask.copy()
    for other in (roi.other_tissue, volume.padding):
        if other is not None:
            taken |= _coarse(other, steps)
    tumour = np.zeros_like(taken)
    voxels = np.argwhere(roi.tumour)
    nearest = np.minimum(np.rint(voxels / steps).astype(np.intp), np.array(taken.shape) - 1)
    tumour[tuple(nearest.T)] = True
    distance = ndimage.distance_transform_edt(~tumour, np.array(spacing) * steps)
    taken |= distance <= CLEARANCE_MM
    box = box_of(distance <= profile.ring_outer_mm + RING_SLACK_MM)
    shape = distance[box] <= profile.ring_outer_mm + RING_SLACK_MM
    covered = correlate(taken.astype(np.float32), shape.astype(np.float32), mode="valid", method="fft")
    shifts = (np.argwhere(covered < 0.5) - [part.start for part in box]) * steps
    inside = (voxels.min(axis=0) + shifts >= 0) & (voxels.max(axis=0) + shifts < roi.tumour.shape)
    shifts = shifts[inside.all(axis=1)]
    if not len(shifts):
        return None
    shift = shifts[int(np.argmin(np.linalg.norm(shifts * spacing, axis=1)))]
    moved = np.zeros_like(roi.tumour)
    moved[tuple((voxels + shift).T)] = True
    return moved


def _coarse(mask: NDArray[np.bool_], steps: NDArray[np.intp]) -> NDArray[np.bool_]:
    z, y, x = steps
    return mask[::z, ::y, ::x].copy()


def _measured(volume: Volume, roi: RegionOfInterest, profile: FeatureProfile) -> dict[str, float] | str:
    try:
        regions = measure_volume(volume, roi, profile).regions
    except RejectedInput as refusal:
        return refusal.reason.value
    return {f"{one.region}_{name}": float(value) for one in regions for name, value in one.features.items()}
