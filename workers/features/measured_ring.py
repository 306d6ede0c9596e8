"""The ring of a case: the geometric ring without air, skin, large vessels, chest wall and other segments."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from model_store.signatures.profile import Exclusion, FeatureProfile, Normalisation
from workers.errors import Reason, RejectedInput
from workers.features.air import Air, air_near, find_air, skin_below
from workers.features.chest_wall import find_chest_wall
from workers.features.measured_part import MeasuredPart, without_empty_borders
from workers.features.normalisation import dark_grey_value
from workers.features.resampling import Resampled
from workers.features.ring import Cause, Ring, geometric_ring, ring_reach, ring_without, voxels_outside
from workers.features.vessels import find_vessels
from workers.images.volume import Volume
from workers.images.voxels import bounds, box_of
from workers.notes import Phrase, phrase

SMALLEST_SHARE = 0.005
"""Share of the ring below which a cause is not reported."""
LEFT_OUT = {cause: f"{{share}} {cause}" for cause in Cause}


def excluded_masks(
    volume: Volume, part: MeasuredPart, resampled: Resampled, profile: FeatureProfile
) -> dict[Cause, NDArray[np.bool_]]:
    """Return the masks that are excluded from the outer half of the ring, by cause, on the resampled grid."""
    air, searched = _air(volume, part, profile)
    excluded = {Cause.AIR: air_near(air, resampled)}
    if resampled.other_tissue is not None:
        excluded[Cause.SEGMENT] = resampled.other_tissue
    if Exclusion.SKIN in profile.exclusions:
        excluded[Cause.SKIN] = skin_below(excluded[Cause.AIR], profile)
    if Exclusion.CHEST_WALL in profile.exclusions:
        backwards = volume.direction[1, ::-1]  # patient coordinates grow towards the left, the back and the head
        wall = find_chest_wall(air, searched, part.spacing_zyx, backwards, resampled, profile)
        excluded[Cause.CHEST_WALL] = wall
    if Exclusion.VESSELS in profile.exclusions and part.before_contrast is not None:
        vessels = find_vessels(part.array, part.before_contrast, resampled, profile)
        if vessels is not None:
            excluded[Cause.VESSEL] = vessels
    return excluded


def measured_ring(resampled: Resampled, excluded: Mapping[Cause, NDArray[np.bool_]], profile: FeatureProfile) -> Ring:
    """Return the ring without these masks, on the resampled grid.

    Raises
    ------
    RejectedInput
        Too little of the ring is left.
    """
    box = box_of(resampled.tumour, margin=ring_reach(profile))
    tumour = resampled.tumour[box]
    whole = geometric_ring(tumour, profile.ring_inner_mm, profile.ring_outer_mm, profile.spacing_mm)
    near = {cause: mask[box] for cause, mask in excluded.items()}
    ring = ring_without(whole, tumour, near, _outside(tumour, profile))
    if ring.share < profile.min_ring_share:
        raise RejectedInput(
            Reason.RING_TOO_SMALL,
            f"{ring.share:.0%} of the ring is left; profile {profile.name} measures from {profile.min_ring_share:.0%} "
            f"on ({left_out_text(ring)})",
        )
    mask = np.zeros_like(resampled.tumour)
    mask[box] = ring.mask
    return replace(ring, mask=mask)


def left_out_text(ring: Ring) -> str:
    """Return the excluded shares of the ring as text."""
    return ", ".join(one.said() for one in left_out_phrases(ring))


def left_out_phrases(ring: Ring) -> tuple[Phrase, ...]:
    """Return each excluded share of the ring."""
    return tuple(
        phrase(LEFT_OUT[cause], share=f"{share:.0%}")
        for cause, share in ring.left_out.items()
        if share >= SMALLEST_SHARE
    )


def _air(volume: Volume, part: MeasuredPart, profile: FeatureProfile) -> tuple[Air | None, NDArray[np.generic]]:
    """Return the air, and the array that it was found in."""
    if profile.normalisation is Normalisation.WHOLE_IMAGE:
        return find_air(volume.array, part.spacing_zyx, profile), volume.array
    seen = without_empty_borders(volume.array, part.box, volume.limits[0])
    dark = dark_grey_value(part.array, part.tumour, profile)
    air = find_air(volume.array[seen], part.spacing_zyx, profile, dark)
    z, y, x = (at - within.start for at, within in zip(part.start, seen, strict=True))
    return air and air.seen_from((z, y, x)), volume.array[seen]


def _outside(tumour: NDArray[np.bool_], profile: FeatureProfile) -> int:
    """Count the ring's voxels beyond the images; the box around a tumour is cut only at the edge of the images."""
    reach = ring_reach(profile)
    is_cut = any(
        first < reach or last >= size - reach for (first, last), size in zip(bounds(tumour), tumour.shape, strict=True)
    )
    return (
        voxels_outside(tumour, profile.ring_inner_mm, profile.ring_outer_mm, profile.spacing_mm, reach) if is_cut else 0
    )
