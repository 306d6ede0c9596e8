"""Grey values that were cut off at the bright end, as a display window or a saturated receiver does."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model_store.signatures.acceptance import Criterion
from workers.acceptance import Objection
from workers.images.volume import Volume
from workers.outline.region_of_interest import RegionOfInterest

MAX_SHARE = 0.05
"""Of the tumour's voxels with its highest grey value, where no other value is as common. 10 and 33 % in br06 and a
phantom whose window ends at the 99.9th percentile; 0.2 % at most in the original images, 0.8 % with 12 grey levels."""
FEWEST_VOXELS = 20
"""With the highest grey value: in a tumour of a few voxels, one of them is a large share."""


def clipping_objections(volume: Volume, roi: RegionOfInterest) -> Iterator[Objection]:
    """Yield an objection where the brightest part of the tumour has lost its texture.

    A tumour of a single grey value is refused later, with a reason of its own.
    """
    values = volume.array[roi.box][roi.tumour[roi.box]]
    highest = int(np.count_nonzero(values == values.max()))
    share = highest / values.size
    if highest >= FEWEST_VOXELS and MAX_SHARE < share < 1 and share == _share_of_commonest(values):
        yield Objection(
            Criterion.DERIVATION,
            f"image {volume.frames[roi.box[0].start].sop_instance_uid}: {share:.0%} of the tumour's voxels have one "
            "and the same highest grey value: the images are saturated, or were cut off by a display window: send the "
            "original images",
        )


def _share_of_commonest(values: NDArray[Any]) -> float:
    _, counts = np.unique(values, return_counts=True)
    return float(counts.max() / values.size)
