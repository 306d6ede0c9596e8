"""Outlines as another reader, or the same one on another day, would have drawn them: a stated substitute.

An outline is the zero of a distance map: rotated and shifted as a whole, moved outwards or inwards, and from place to
place by a smooth field. Zwanenburg et al., Scientific Reports 9:614 (2019) judge features by such chains.
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from model_store.reliability.plan import Perturbation
from workers.features.resampling import box_of
from workers.features.smooth_noise import smooth_noise

MARGIN_MM = 10.0
NOISE_SCALE_MM = 6.0
MAX_SHARE_OF_RADIUS = 0.3
"""Of the radius of a ball of the same volume: no border moves further as a whole."""


def redrawn(
    mask: NDArray[np.bool_], spacing_mm: tuple[float, float, float], rng: np.random.Generator, how: Perturbation
) -> NDArray[np.bool_]:
    """Return a mask (z, y, x) drawn again; its largest connected part, inside the same array."""
    turn = np.radians(how.rotation_degrees) * rng.standard_normal(3)
    shift = how.shift_mm * rng.standard_normal(3)
    border = how.border_mm * float(rng.standard_normal())
    spacing = np.array(spacing_mm)
    box = box_of(mask, margin_voxels(spacing_mm))
    part = mask[box]
    radius = (3 * np.count_nonzero(part) * float(spacing.prod()) / (4 * np.pi)) ** (1 / 3)
    border = float(np.clip(border, -MAX_SHARE_OF_RADIUS * radius, MAX_SHARE_OF_RADIUS * radius))
    outside = ndimage.distance_transform_edt(~part, spacing) - ndimage.distance_transform_edt(part, spacing)
    centre = np.argwhere(part).mean(axis=0) * spacing
    rotation = _rotation(turn)
    # Index to mm, back by the shift, turned about the centre, to index: where each voxel's value comes from.
    matrix = (rotation * spacing) / spacing[:, None]
    offset = (centre - rotation @ (centre + shift)) / spacing
    moved = ndimage.affine_transform(outside, matrix, offset, order=1, mode="nearest")
    moved += how.noise_mm * smooth_noise(rng, part.shape, spacing_mm, NOISE_SCALE_MM) - border
    drawn = np.zeros_like(mask)
    drawn[box] = _largest_part(moved < 0)
    return drawn if drawn.any() else mask.copy()


def margin_voxels(spacing_mm: Iterable[float]) -> int:
    """Return how many voxels around an outline a redrawn one may reach, on each side."""
    return int(np.ceil(MARGIN_MM / min(spacing_mm)))


def _rotation(angles: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the rotation about z, then y, then x (all of them small)."""
    matrix = np.eye(3)
    for axis, angle in enumerate(angles):
        one = np.eye(3)
        a, b = [other for other in range(3) if other != axis]
        one[a, a] = one[b, b] = np.cos(angle)
        one[a, b], one[b, a] = -np.sin(angle), np.sin(angle)
        matrix = one @ matrix
    return matrix


def _largest_part(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    labels, _ = ndimage.label(mask)
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    return np.asarray((labels == int(np.argmax(sizes))) & mask)
