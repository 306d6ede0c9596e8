"""Reference intensities: mean and standard deviation of the tissue that the profile selects.

Over the whole volume, they depend on the field of view. Inside the body they still do: the visible part of the chest,
or of the other breast, changes them by a tenth and more, whichever threshold finds the body (docs/decisions.md). The
reference is therefore the tissue near the outline, judged voxel by voxel from its surroundings only.
"""

import numpy as np
from numpy.typing import NDArray

from model_store.signatures.profile import FeatureProfile
from workers.errors import Reason, RejectedInput
from workers.features.ndimage import distances_within, smoothed
from workers.features.resampling import Intensities, intensities_of
from workers.images.grey_values import median
from workers.images.voxels import box_of

LATTICE_MM = 1.5
"""Distance of the sampled voxels: tens of thousands of samples around a small tumour."""
MIN_REFERENCE_ML = 1.0
"""With less tissue there is no reference: the images were cropped or masked close to the outline."""


def near_tissue_intensities(
    array: NDArray[np.generic],
    spacing_zyx: tuple[float, float, float],
    tumour: NDArray[np.bool_],
    padding: NDArray[np.bool_] | None,
    profile: FeatureProfile,
) -> Intensities:
    """Return mean and standard deviation of the tissue around an outline (arrays z, y, x).

    Tissue is every voxel brighter than `dark_grey_value`, before and after smoothing, from ``reference_from_mm`` to
    ``reference_to_mm`` away from the outline. The lattice of sampled voxels is anchored to the outline.

    Raises
    ------
    RejectedInput
        INVALID_PIXELS where the images hold less than 1 mL of tissue, or all of it has one grey value.
    """
    steps = tuple(max(1, round(LATTICE_MM / step)) for step in spacing_zyx)
    starts = tuple(part.start % by for part, by in zip(box_of(tumour), steps, strict=True))
    lattice = tuple(slice(start, None, by) for start, by in zip(starts, steps, strict=True))
    coarse, outline = array[lattice], tumour[lattice]
    if not outline.any():  # thinner than the lattice
        steps, coarse, outline = (1, 1, 1), array, tumour
        lattice = (slice(None),) * 3
    z, y, x = (step * by for step, by in zip(spacing_zyx, steps, strict=True))
    sampling = (z, y, x)
    distance = distances_within(outline, profile.reference_to_mm, sampling)
    smooth = smoothed(coarse.astype(np.float32), 1.0)
    # Smoothed, because noise in air may be bright; and unsmoothed, because smoothing blurs the border into the air.
    tissue = np.minimum(smooth, coarse) > dark_grey_value(array, tumour, profile)
    tissue &= (distance > profile.reference_from_mm) & (distance <= profile.reference_to_mm)
    if padding is not None:
        tissue &= ~padding[lattice]
    values = coarse[tissue]
    found_ml = values.size * float(np.prod(sampling)) / 1000
    if found_ml < MIN_REFERENCE_ML or values.min() == values.max():
        raise RejectedInput(
            Reason.INVALID_PIXELS,
            f"{found_ml:.1f} mL of tissue are {profile.reference_from_mm:g} to {profile.reference_to_mm:g} mm around "
            f"the outline, expected {MIN_REFERENCE_ML:g} mL with more than one grey value: send the original images, "
            "neither masked nor cropped to the tumour",
        )
    return intensities_of(values[None])


def dark_grey_value(array: NDArray[np.generic], tumour: NDArray[np.bool_], profile: FeatureProfile) -> float:
    """Return the grey value up to which voxels near the outline count as air.

    A tumour after contrast is bright, and the noise of air is far below a tenth of it. Where rescaling gives negative
    values, the lowest ones are taken as zero.
    """
    zero = 0.0 if array.min() >= 0 else min(0.0, float(np.percentile(array.astype(np.float64), 1)))
    return zero + profile.dark_share * (median(array[tumour]) - zero)
