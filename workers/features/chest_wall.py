"""Finds the chest wall, where the images show the lung behind it.

Muscle looks like glandular tissue, so the wall is found from behind: a large region as dark as the air outside the
body, entirely behind the tumour, is lung, and the tissue just in front of it is chest wall.
"""

import numpy as np
from numpy.typing import NDArray

from model_store.signatures.profile import FeatureProfile
from workers.features.air import Air, dark_near, on_resampled
from workers.features.ndimage import components, distances_within
from workers.features.resampling import Resampled
from workers.images.grey_values import median

MIN_LUNG_ML = 20.0
AS_DARK_AS_AIR = 1.5
"""Multiple of the median of the air outside: fat far from a surface coil is brighter."""
CHEST_WALL_MM = 10.0
"""In front of the lung: pleura, ribs and intercostal muscle. The muscles in front of the ribs are not found."""


def find_chest_wall(
    air: Air | None,
    array: NDArray[np.generic],
    spacing_zyx: tuple[float, float, float],
    backwards_zyx: NDArray[np.float64],
    resampled: Resampled,
    profile: FeatureProfile,
) -> NDArray[np.bool_]:
    """Return the chest wall on the resampled grid (z, y, x); empty where no lung is in the images.

    ``array`` is the array that ``air`` was found in. ``backwards_zyx`` is the component of each axis towards the
    patient's back.
    """
    none = np.zeros(resampled.tumour.shape, dtype=np.bool_)
    lung = None if air is None else _lung(air, array, spacing_zyx, backwards_zyx, resampled)
    if air is None or lung is None:
        return none
    near, _ = dark_near(on_resampled(lung, air, resampled), air, resampled)
    if not near.any():
        return none
    reach = CHEST_WALL_MM / profile.spacing_mm + 0.5
    return np.asarray(near | (distances_within(near, reach) <= reach))


def _lung(
    air: Air,
    array: NDArray[np.generic],
    spacing_zyx: tuple[float, float, float],
    backwards_zyx: NDArray[np.float64],
    resampled: Resampled,
) -> NDArray[np.bool_] | None:
    """Return the lung on the coarse grid of the air; None where there is none."""
    z, y, x = air.steps
    values = array[::z, ::y, ::x]
    step_mm = np.array(spacing_zyx) * air.steps
    numbers = components(air.dark)
    along_z, along_y, along_x = (
        np.arange(size) * step for size, step in zip(air.dark.shape, step_mm * backwards_zyx, strict=True)
    )
    behind = (along_z[:, None, None] + along_y[:, None] + along_x)[air.dark]
    tumour = _centre(air, resampled) @ (step_mm * backwards_zyx)
    volumes_ml = np.bincount(numbers) * float(step_mm.prod()) / 1000
    is_lung = np.zeros(len(volumes_ml), dtype=np.bool_)
    for number in np.flatnonzero(volumes_ml >= MIN_LUNG_ML):
        is_lung[number] = behind[numbers == number].min() > tumour
    if not is_lung.any() or is_lung[numbers].all():
        return None
    dark_values = values[air.dark]
    darkness = median(dark_values[~is_lung[numbers]])
    for number in np.flatnonzero(is_lung):
        is_lung[number] = median(dark_values[numbers == number]) <= AS_DARK_AS_AIR * darkness
    lung = np.zeros_like(air.dark)
    lung[air.dark] = is_lung[numbers]
    return lung if is_lung.any() else None


def _centre(air: Air, resampled: Resampled) -> NDArray[np.float64]:
    """Return the tumour's centre as a continuous index of the coarse grid (z, y, x)."""
    centre = np.argwhere(resampled.tumour).mean(axis=0) + [start for start, _ in resampled.ranges]
    found = []
    for axis, position, start, step in zip(resampled.source.axes, centre, air.start, air.steps, strict=True):
        at = round(float(position))
        found.append((float(axis.from_anchor(at, at + 1)[0]) + axis.anchor + start) / step)
    return np.array(found)
