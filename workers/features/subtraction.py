"""Signs of a subtraction in the grey values near an outline, where no header calls the images one.

The scanner's magnitude images have no negative values: noise in air is positive too (Rician). A difference of two
phases has as many below 0 as above it wherever nothing enhances. Software that writes differences without a sign cuts
these at 0; then fat, muscle and glandular tissue have lost nearly all of the signal that they had before contrast.
"""

from collections.abc import Iterator

import numpy as np

from model_store.signatures.acceptance import Criterion
from model_store.signatures.profile import FeatureProfile
from workers.acceptance import Objection
from workers.features.measured_part import near_box
from workers.images.volume import Volume
from workers.notes import Note, warning
from workers.outline.region_of_interest import RegionOfInterest

MAX_NEGATIVE_SHARE = 0.05
"""Of the voxels around the outline: 28 and 32 % in the differences of two phantoms, none in the original images."""
MIN_TISSUE_SIGNAL = 0.5
"""Of the signal before contrast, in the median of the tissue around the outline: 1.11 and 1.16 in two phantoms, 0.09
and 0.11 in their differences."""
TISSUE_SHARE = 0.25
"""Of the tumour's median before contrast: what is brighter is tissue, not air."""


def subtraction_objections(volume: Volume, roi: RegionOfInterest, profile: FeatureProfile) -> Iterator[Objection]:
    """Yield an objection where many grey values around the outline are negative."""
    box = near_box(roi.tumour, volume.grid.spacing_zyx, profile.reach_mm)
    known = ~roi.tumour[box]
    if volume.padding is not None:
        known &= ~volume.padding[box]
    values = volume.array[box][known].astype(np.float64)
    share = np.count_nonzero(values < 0) / max(1, values.size)
    if share > MAX_NEGATIVE_SHARE:
        yield Objection(
            Criterion.DERIVATION,
            f"image {volume.frames[0].sop_instance_uid}: {share:.0%} of the grey values around the outline are "
            "negative, as in a subtraction: copy the outline to the phase after contrast, and send it again",
        )


def subtraction_notes(volume: Volume, roi: RegionOfInterest, profile: FeatureProfile) -> Iterator[Note]:
    """Yield a warning where the tissue around the outline lost most of its signal to the phase before contrast.

    No objection: a phase before contrast that was acquired without fat suppression looks the same.
    """
    if volume.before_contrast is None:
        return
    box = near_box(roi.tumour, volume.grid.spacing_zyx, profile.reach_mm)
    earlier, tumour = volume.before_contrast.part(box), roi.tumour[box]
    if earlier is None:
        return
    before, after = earlier.astype(np.float64), volume.array[box].astype(np.float64)
    tissue = ~tumour & (before > TISSUE_SHARE * float(np.median(before[tumour])))
    if not tissue.any():
        return
    ratio = float(np.median(after[tissue])) / float(np.median(before[tissue]))
    if ratio < MIN_TISSUE_SIGNAL:
        yield warning(
            f"The tissue around the outline has {ratio:.0%} of its signal before contrast, as in a subtraction: check "
            "that the outline was drawn on original images.",
            "Possibly a subtraction",
        )
