"""Simulates outlines as another reader, or the same reader on another day, would draw them.

An outline is the zero level of a distance map, which is rotated and shifted as a whole, moved locally by a smooth
random field, and moved outwards or inwards. How far is given by the volume: that of a ball whose border moves as far. A
level in mm would take the thin parts of a spiculated tumour away, and make it smaller nearly always. Zwanenburg et al.,
Scientific Reports 9:614 (2019), assess features with such perturbation chains.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from model_store.reliability.plan import Perturbation
from workers.features.smooth_noise import smooth_noise
from workers.images.voxels import Box, box_of

MARGIN_MM = 10.0
NOISE_SCALE_MM = 6.0
MAX_SHARE_OF_RADIUS = 0.1
"""As a share of the radius of a ball of the same volume: the largest move of the whole border, -27 to +33 % of the
volume."""


@dataclass(frozen=True, eq=False)
class BorderDistance:
    """Signed distances of voxels to the border of an outline, computed once for all its redraws."""

    mask: NDArray[np.bool_]
    """The outline (z, y, x)."""
    box: Box
    """Box around the outline, as far as a redrawn one may reach."""
    outside_mm: NDArray[np.float64]
    """Within the box: distance to the border, negative inside."""
    spacing_mm: tuple[float, float, float]

    @classmethod
    def of(cls, mask: NDArray[np.bool_], spacing_mm: tuple[float, float, float]) -> "BorderDistance":
        """Compute the distances around a mask; spacing along z, y, x."""
        box = box_of(mask, margin_voxels(spacing_mm))
        part = mask[box]
        outside = ndimage.distance_transform_edt(~part, spacing_mm) - ndimage.distance_transform_edt(part, spacing_mm)
        return cls(mask, box, outside, spacing_mm)


def redrawn(outline: BorderDistance, rng: np.random.Generator, how: Perturbation) -> NDArray[np.bool_]:
    """Return a redrawn outline (z, y, x): its largest connected component, inside the same array."""
    turn = np.radians(how.rotation_degrees) * rng.standard_normal(3)
    shift = how.shift_mm * rng.standard_normal(3)
    border = how.border_mm * float(rng.standard_normal())
    spacing = np.array(outline.spacing_mm)
    part = outline.mask[outline.box]
    radius = (3 * np.count_nonzero(part) * float(spacing.prod()) / (4 * np.pi)) ** (1 / 3)
    border = float(np.clip(border, -MAX_SHARE_OF_RADIUS * radius, MAX_SHARE_OF_RADIUS * radius))
    centre = np.argwhere(part).mean(axis=0) * spacing
    rotation = _rotation(turn)
    # For each voxel the position of its value: index to mm, minus the shift, rotated about the centre, to index.
    matrix = (rotation * spacing) / spacing[:, None]
    offset = (centre - rotation @ (centre + shift)) / spacing
    moved = ndimage.affine_transform(outline.outside_mm, matrix, offset, order=1, mode="nearest")
    moved += how.noise_mm * smooth_noise(rng, part.shape, outline.spacing_mm, NOISE_SCALE_MM)
    drawn = np.zeros_like(outline.mask)
    voxels = np.count_nonzero(part) * (1 + border / radius) ** 3
    drawn[outline.box] = _largest_part(moved < _level(moved, voxels))
    return drawn if drawn.any() else outline.mask.copy()


def _level(distance_mm: NDArray[np.float64], voxels: float) -> float:
    """Return the level of a distance map below which so many voxels lie."""
    count = int(np.clip(round(voxels), 1, distance_mm.size - 1))
    return float(np.partition(distance_mm.ravel(), count)[count])


def margin_voxels(spacing_mm: Iterable[float]) -> int:
    """Return how many voxels a redrawn outline may extend beyond the original, on each side."""
    return int(np.ceil(MARGIN_MM / min(spacing_mm)))


def _rotation(angles: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the rotation about z, then y, then x (small angles, in radians)."""
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
