"""Slices of the measured phase that belong to an earlier one: a sender or a program has mixed the phases up.

All slices of a tumour change alike between two phases, or hardly at all. No tissue is much darker after contrast than
before, and noise makes no two slices equal.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from workers.images.grey_values import median

CHANGE = 0.3
"""As a share of the lower of two medians of the tumour on a slice: a smaller change shows no other phase. From the
first to the second phase, br06 has +1.0 to +1.3 on its slices; from the second to the third -0.12 to +0.12."""
FEWEST_VOXELS = 20
"""Of the tumour on a slice: at the tips of a tumour, where fewer are, motion alone can bring fat in its place."""


def slices_of_another_phase(
    here: NDArray[np.generic], earlier: NDArray[np.generic], tumour: NDArray[np.bool_]
) -> list[int]:
    """Return the slices (first axis) on which the measured phase is the earlier one; none where all of them are.

    ``here`` and ``earlier`` are the grey values of both phases (z, y, x), ``tumour`` is the mask.
    """
    brighter, darker = [], []
    for at, change in _changes(here, earlier, tumour):
        if change >= CHANGE:
            brighter.append(at)
        elif change <= -CHANGE or (change == 0 and bool((here[at] == earlier[at])[tumour[at]].all())):
            darker.append(at)
    return darker if brighter else []


def _changes(
    here: NDArray[np.generic], earlier: NDArray[np.generic], tumour: NDArray[np.bool_]
) -> Iterator[tuple[int, float]]:
    """Yield slices and how much brighter the tumour is on them; negative: how much brighter it was earlier."""
    for at, mask in enumerate(tumour):
        if np.count_nonzero(mask) >= FEWEST_VOXELS:
            after, before = (median(phase[at][mask]) for phase in (here, earlier))
            if min(after, before) > 0:
                yield at, (after - before) / min(after, before)
