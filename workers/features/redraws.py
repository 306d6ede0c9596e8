"""Outlines as another reader might have drawn them, with the ring of each, in the surroundings of the one that came in.

The images are prepared once: scaled, resampled, and searched for what does not belong in the ring. A redrawn outline
takes over all of it, so that what differs between two redraws is the outline alone.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model_store.reliability.plan import Perturbation
from model_store.signatures.profile import FeatureProfile
from workers.features.extraction import grey_levels
from workers.features.redrawn_outlines import BorderDistance, margin_voxels, redrawn
from workers.features.regions import Region
from workers.features.resampling import Resampled, box_of, nearest
from workers.features.ring import geometric_ring, ring_reach

READER_VARIATION = Perturbation()
"""What ``radtme cohort reliability`` takes by default: standard deviations of 1 mm along each axis, 5 degrees about
each, 1 mm of the whole border and 0.7 mm of it from place to place."""

Masks = Mapping[Region, NDArray[np.bool_]]


@dataclass(frozen=True, eq=False)
class Surroundings:
    """What an outline was measured in."""

    resampled: Resampled
    outline: NDArray[np.bool_]
    """On the source grid (z, y, x)."""
    excluded: NDArray[np.bool_]
    """On the resampled grid (z, y, x): what is not measured in the outer half of a ring, such as air."""


def redrawn_masks(surroundings: Surroundings, count: int, profile: FeatureProfile) -> Iterator[Masks | None]:
    """Yield tumour and ring of so many redraws; None where the profile does not measure so little.

    The same outline gives the same redraws, wherever in an image it lies and whatever UID it has.
    """
    axes = surroundings.resampled.source.axes
    spacing_mm = (axes[0].source_spacing_mm, axes[1].source_spacing_mm, axes[2].source_spacing_mm)
    border, seed = BorderDistance.of(surroundings.outline, spacing_mm), _seed(surroundings.outline)
    for number in range(count):
        outline = redrawn(border, np.random.default_rng([*seed, number]), READER_VARIATION)
        yield _with_ring(outline, surroundings, profile)


def _with_ring(outline: NDArray[np.bool_], surroundings: Surroundings, profile: FeatureProfile) -> Masks | None:
    resampled = surroundings.resampled
    tumour = nearest(outline, resampled.source.axes, resampled.ranges)
    if np.count_nonzero(tumour) < profile.min_tumour_voxels:
        return None
    box = box_of(tumour, ring_reach(profile))
    whole = geometric_ring(tumour[box], profile.ring_inner_mm, profile.ring_outer_mm, profile.spacing_mm)
    kept = whole & ~(surroundings.excluded[box] & ~tumour[box])
    if np.count_nonzero(kept) < profile.min_ring_share * np.count_nonzero(whole):
        return None
    ring = np.zeros_like(tumour)
    ring[box] = kept
    masks = {Region.TUMOUR: tumour, Region.RING: ring}
    has_texture = all(grey_levels(resampled.image[mask], profile.bin_width) > 1 for mask in masks.values())
    return masks if has_texture else None


def outline_voxels(surroundings: Surroundings, profile: FeatureProfile) -> tuple[int, int]:
    """Return how many voxels lie in the boxes that redraws take: around the outline, and around the ring."""
    resampled = surroundings.resampled
    margin = margin_voxels(axis.source_spacing_mm for axis in resampled.source.axes)
    source = surroundings.outline[box_of(surroundings.outline, margin)].size
    return source, resampled.tumour[box_of(resampled.tumour, ring_reach(profile))].size


def _seed(outline: NDArray[np.bool_]) -> tuple[int, ...]:
    """Return numbers that follow from the outline's voxels alone."""
    part = outline[box_of(outline)]
    digest = hashlib.sha256(str(part.shape).encode() + np.packbits(part).tobytes()).digest()
    return tuple(np.frombuffer(digest[:16], dtype=">u4").tolist())
