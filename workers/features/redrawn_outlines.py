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

from model_store.reliability.plan import Perturbation
from workers.features.ndimage import components, distances_within, grown, transformed
from workers.features.smooth_noise import smooth_noise
from workers.images.voxels import Box, box_of, voxels_of

MARGIN_MM = 10.0
NOISE_SCALE_MM = 6.0
NEAR_BORDER_MM = 3.0
"""Farther than that, levels are seldom."""
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
    """Within the box: distance to the border, negative inside; exact up to `MARGIN_MM`."""
    spacing_mm: tuple[float, float, float]
    centre_mm: NDArray[np.float64]
    """Of the outline, from the first voxel of the box (z, y, x)."""
    voxels: int
    """Of the outline."""

    @classmethod
    def of(cls, mask: NDArray[np.bool_], spacing_mm: tuple[float, float, float]) -> "BorderDistance":
        """Compute the distances around a mask; spacing along z, y, x."""
        box = box_of(mask, margin_voxels(spacing_mm))
        part = mask[box]
        # No level is near the margin: what is farther only has to be so. Finite, since values are interpolated.
        outside, inside = (
            np.minimum(distances_within(near, MARGIN_MM, spacing_mm), 2 * MARGIN_MM) for near in (part, ~part)
        )
        found = voxels_of(part)
        return cls(mask, box, outside - inside, spacing_mm, found.mean(axis=0) * spacing_mm, len(found))


def redrawn(outline: BorderDistance, rng: np.random.Generator, how: Perturbation) -> NDArray[np.bool_]:
    """Return a redrawn outline (z, y, x): its largest connected component, inside the same array."""
    turn = np.radians(how.rotation_degrees) * rng.standard_normal(3)
    shift = how.shift_mm * rng.standard_normal(3)
    border = how.border_mm * float(rng.standard_normal())
    spacing = np.array(outline.spacing_mm)
    radius = (3 * outline.voxels * float(spacing.prod()) / (4 * np.pi)) ** (1 / 3)
    border = float(np.clip(border, -MAX_SHARE_OF_RADIUS * radius, MAX_SHARE_OF_RADIUS * radius))
    centre = outline.centre_mm
    rotation = _rotation(turn)
    # For each voxel the position of its value: index to mm, minus the shift, rotated about the centre, to index.
    matrix = (rotation * spacing) / spacing[:, None]
    offset = (centre - rotation @ (centre + shift)) / spacing
    moved = transformed(outline.outside_mm, matrix, offset)
    moved += how.noise_mm * smooth_noise(rng, outline.outside_mm.shape, outline.spacing_mm, NOISE_SCALE_MM)
    drawn = np.zeros_like(outline.mask)
    voxels = outline.voxels * (1 + border / radius) ** 3
    innermost = np.unravel_index(np.argmin(moved), moved.shape)
    drawn[outline.box] = _largest_part(moved < _level(moved, voxels), innermost)
    return drawn if drawn.any() else outline.mask.copy()


def _level(distance_mm: NDArray[np.float64], voxels: float) -> float:
    """Return the level of a distance map below which so many voxels lie."""
    count = int(np.clip(round(voxels), 1, distance_mm.size - 1))
    # It is nearly always among the values near the border, of which there are few.
    near = distance_mm[np.abs(distance_mm) <= NEAR_BORDER_MM]
    rank = count - int(np.count_nonzero(distance_mm < -NEAR_BORDER_MM))
    if not 0 <= rank < near.size:
        near, rank = distance_mm.ravel(), count
    return float(np.partition(near, rank)[rank])


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


def _largest_part(mask: NDArray[np.bool_], inside: tuple[np.intp, ...]) -> NDArray[np.bool_]:
    """Return the largest connected part of a mask, which probably is the one that holds the voxel ``inside``."""
    seed = np.zeros_like(mask)
    seed[inside] = mask[inside]
    found = grown(seed, within=mask)
    if 2 * np.count_nonzero(found) > np.count_nonzero(mask):
        return found
    numbers = components(mask)
    largest = np.zeros_like(mask)
    largest[mask] = numbers == np.argmax(np.bincount(numbers, minlength=1))
    return largest
