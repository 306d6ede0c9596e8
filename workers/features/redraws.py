"""Redrawn outlines of a case and the ring of each, in the surroundings of the received outline.

The images are prepared once: scaled, resampled, and searched for tissue that is excluded from the ring. All redrawn
outlines use these, so that two redraws differ only in the outline.
"""

import hashlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model_store.reliability.plan import Perturbation
from model_store.signatures.profile import FeatureProfile
from workers.features.engine.choice import Engine
from workers.features.extraction import Masks, grey_levels, measure_columns
from workers.features.kinetics import kinetic_values
from workers.features.redrawn_outlines import BorderDistance, margin_voxels, redrawn
from workers.features.regions import Region
from workers.features.resampling import Resampled, nearest
from workers.features.ring import geometric_ring, ring_reach
from workers.images.volume import ONE_PHASE, KineticPhases
from workers.images.voxels import box_of

READER_VARIATION = Perturbation()
"""The default of ``radtme cohort reliability``: standard deviations of 1 mm along each axis, 5 degrees about each axis,
1 mm for the whole border and 0.7 mm locally."""


@dataclass(frozen=True, eq=False)
class Surroundings:
    """The images and masks in which an outline was measured."""

    resampled: Resampled
    outline: NDArray[np.bool_]
    """On the source grid (z, y, x)."""
    excluded: NDArray[np.bool_]
    """On the resampled grid (z, y, x): excluded from the outer half of a ring, such as air."""
    engine: Engine = Engine.RADTME
    """What measured the received outline, and measures the redrawn ones."""
    start: tuple[int, int, int] = (0, 0, 0)
    """Voxel of the volume (z, y, x) at which the array of the outline begins."""
    kinetic_phases: KineticPhases = ONE_PHASE
    """On the grid of the volume, where the profile measures kinetic features."""


@dataclass(frozen=True, eq=False)
class Redraw:
    """A redrawn outline."""

    outline: NDArray[np.bool_]
    """On the source grid (z, y, x)."""
    masks: Masks


def measure_redraws(
    surroundings: Surroundings, redraws: Sequence[Redraw], profile: FeatureProfile, wanted: Collection[str]
) -> list[dict[str, float]]:
    """Return some columns of redrawn outlines, kinetic ones too; NaN where a feature has no value."""
    masks = [one.masks for one in redraws]
    found = [*measure_columns(surroundings.resampled, masks, profile, wanted, surroundings.engine)] if masks else []
    if profile.kinetics is not None:
        for values, one in zip(found, redraws, strict=True):
            kinetic = kinetic_values(surroundings.kinetic_phases, one.outline, surroundings.start)
            values |= {f"{Region.TUMOUR}_{name}": value for name, value in kinetic.items()}
    return found


def redrawn_masks(surroundings: Surroundings, count: int, profile: FeatureProfile) -> Iterator[Masks | None]:
    """Yield tumour and ring of each of `redraws_of`."""
    return (None if one is None else one.masks for one in redraws_of(surroundings, count, profile))


def redraws_of(surroundings: Surroundings, count: int, profile: FeatureProfile) -> Iterator[Redraw | None]:
    """Yield ``count`` redraws; None where tumour or ring are too small for the profile.

    The same outline gives the same redraws, regardless of its position in the image and its UID.
    """
    axes = surroundings.resampled.source.axes
    spacing_mm = (axes[0].source_spacing_mm, axes[1].source_spacing_mm, axes[2].source_spacing_mm)
    border, seed = BorderDistance.of(surroundings.outline, spacing_mm), _seed(surroundings.outline)
    for number in range(count):
        outline = redrawn(border, np.random.default_rng([*seed, number]), READER_VARIATION)
        masks = _with_ring(outline, surroundings, profile)
        yield None if masks is None else Redraw(outline, masks)


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
    """Return the number of voxels in the boxes that redraws need: around the outline, and around the ring."""
    resampled = surroundings.resampled
    margin = margin_voxels(axis.source_spacing_mm for axis in resampled.source.axes)
    source = surroundings.outline[box_of(surroundings.outline, margin)].size
    return source, resampled.tumour[box_of(resampled.tumour, ring_reach(profile))].size


def _seed(outline: NDArray[np.bool_]) -> tuple[int, ...]:
    """Return seed numbers that depend only on the outline's voxels."""
    part = outline[box_of(outline)]
    digest = hashlib.sha256(str(part.shape).encode() + np.packbits(part).tobytes()).digest()
    return tuple(np.frombuffer(digest[:16], dtype=">u4").tolist())
