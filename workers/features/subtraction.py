"""Signs of a subtraction in the grey values near an outline, where no header calls the images one.

The scanner's magnitude images have no negative values: noise in air is positive too (Rician). A difference of two
phases has as many below 0 as above it wherever nothing enhances. Software that writes differences without a sign cuts
these at 0: zeros are scattered over the tissue, and beside the phase before contrast, fat, muscle and glandular tissue
have lost nearly all of their signal. A difference that is stored with an offset shows none of these signs.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model_store.signatures.acceptance import Criterion
from model_store.signatures.profile import FeatureProfile
from workers.acceptance import Objection
from workers.features.measured_part import near_box
from workers.features.ndimage import distances_within, grown
from workers.images.grey_values import brighter_than, inside, median
from workers.images.volume import Volume
from workers.images.voxels import box_of
from workers.notes import Note, warning
from workers.outline.region_of_interest import RegionOfInterest

MAX_NEGATIVE_SHARE = 0.05
"""Of the voxels around the outline: 28 and 32 % in the differences of two phantoms, none in the original images."""
SCATTERED_WITHIN_MM = 10.0
"""From the outline: tissue rather than air, where original images may have zeros too."""
MAX_SCATTERED_SHARE = 0.05
"""Of these voxels, with the lowest value amid higher ones; with 0 or less where that is negative. 10 to 18 % in the
differences, cut at 0, of five phantoms and of br06; 0.4 % at most in the original images, also with 12 grey levels."""
MIN_TISSUE_SIGNAL = 0.5
"""Of the signal before contrast, in the median of the tissue around the outline: 1.11 and 1.16 in two phantoms, 0.09
and 0.11 in their differences."""
TISSUE_SHARE = 0.25
"""Of the tumour's median before contrast: what is brighter is tissue, not air."""


def subtraction_objections(volume: Volume, roi: RegionOfInterest, profile: FeatureProfile) -> Iterator[Objection]:
    """Yield an objection where the grey values around the outline are those of a subtraction."""
    spacing_zyx = volume.grid.spacing_zyx
    box = near_box(roi.box, roi.tumour.shape, spacing_zyx, profile.reach_mm)
    tumour = roi.tumour[box]
    known = ~tumour
    if volume.padding is not None:
        known &= ~volume.padding[box]
    found = _signs(volume.array[box], known, tumour, spacing_zyx) if known.any() else None
    if found:
        yield Objection(
            Criterion.DERIVATION,
            f"image {volume.frames[0].sop_instance_uid}: {found}, as in a subtraction: copy the outline to the phase "
            "after contrast, and send it again",
        )


def _signs(
    values: NDArray[Any], known: NDArray[np.bool_], tumour: NDArray[np.bool_], spacing_zyx: tuple[float, float, float]
) -> str | None:
    """Return what the grey values (z, y, x) of the known voxels outside the outline have of a subtraction."""
    darkest = _lowest(values, known)
    negative = float(np.mean(values[known] < 0)) if darkest < 0 else 0.0
    if negative > MAX_NEGATIVE_SHARE:
        return f"{negative:.0%} of the grey values around the outline are negative"
    lowest = max(0.0, darkest)  # a difference of coarse grey values has more zeros than negatives
    scattered = _scattered_share(values, lowest, known, tumour, spacing_zyx)
    if scattered > MAX_SCATTERED_SHARE:
        which = f"{lowest:g} or less" if negative else f"{lowest:g}"
        return f"{scattered:.0%} of the grey values near the outline are {which} amid higher ones"
    return None


def _lowest(values: NDArray[Any], known: NDArray[np.bool_]) -> float:
    """Return the lowest value in a mask; nearly always, it is that of all."""
    of_all = values.min()
    return float(values[known].min() if (values[~known] == of_all).any() else of_all)


def _scattered_share(
    values: NDArray[Any],
    lowest: float,
    known: NDArray[np.bool_],
    tumour: NDArray[np.bool_],
    spacing_zyx: tuple[float, float, float],
) -> float:
    """Return which share of the known voxels near the outline is no brighter than ``lowest`` amid higher ones.

    0 where it surely is `MAX_SCATTERED_SHARE` at most. What a few steps reach is near; what is near lies in the box.
    """
    z, y, x = near_box(box_of(tumour), tumour.shape, spacing_zyx, SCATTERED_WITHIN_MM)
    before = [min(part.start, 1) for part in (z, y, x)]  # with the neighbours outside of the box
    wider = tuple(slice(part.start - by, part.stop + 1) for part, by in zip((z, y, x), before, strict=True))
    inner = tuple(slice(by, by + part.stop - part.start) for part, by in zip((z, y, x), before, strict=True))
    searched = known[z, y, x].copy()
    scattered = _amid_higher(values[wider], lowest)[inner] & searched
    surely_near = grown(tumour[z, y, x], int(0.99 * SCATTERED_WITHIN_MM / max(spacing_zyx)))
    if np.count_nonzero(scattered) <= MAX_SCATTERED_SHARE * np.count_nonzero(surely_near & searched):
        return 0.0
    searched &= distances_within(tumour[z, y, x], SCATTERED_WITHIN_MM, spacing_zyx) <= SCATTERED_WITHIN_MM
    return float(np.mean(scattered[searched])) if searched.any() else 0.0


def _amid_higher(values: NDArray[Any], lowest: float) -> NDArray[np.bool_]:
    """Return the voxels, no brighter than ``lowest``, of whose six neighbours at least three are brighter."""
    higher = brighter_than(values, lowest)
    count = np.zeros(values.shape, dtype=np.uint8)
    for axis in range(values.ndim):
        planes, found = np.moveaxis(higher, axis, 0), np.moveaxis(count, axis, 0)
        found[1:] += planes[:-1]
        found[:-1] += planes[1:]
    return np.asarray(~higher & (count >= 3))


def subtraction_notes(volume: Volume, roi: RegionOfInterest, profile: FeatureProfile) -> Iterator[Note]:
    """Yield a warning where the tissue around the outline lost most of its signal to the phase before contrast.

    No objection: a phase before contrast that was acquired without fat suppression looks the same.
    """
    if volume.before_contrast is None:
        return
    box = near_box(roi.box, roi.tumour.shape, volume.grid.spacing_zyx, profile.reach_mm)
    earlier: NDArray[Any] | None = volume.before_contrast.part(box)
    tumour = roi.tumour[box]
    if earlier is None:
        return
    tumour_before = median(earlier[tumour])
    tissue = ~tumour & brighter_than(earlier, TISSUE_SHARE * tumour_before)
    # Without signal in the tumour before contrast, nothing tells tissue from air.
    if tumour_before <= 0 or not tissue.any():
        return
    after: NDArray[Any] = volume.array[box]
    ratio = median(inside(after, tissue)) / median(inside(earlier, tissue))
    if ratio < MIN_TISSUE_SIGNAL:
        yield warning(
            f"The tissue around the outline has {ratio:.0%} of its signal before contrast, as in a subtraction: check "
            "that the outline was drawn on original images.",
            "Possibly a subtraction",
        )
