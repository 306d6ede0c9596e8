"""The surroundings of an outline in another phase of its examination."""

from dataclasses import replace

import numpy as np

from workers.errors import RejectedInput
from workers.images.phases import Phase
from workers.images.slices import normal_of
from workers.images.volume import EarlierPhase, Volume, build_volume
from workers.limits import Limits


def surroundings_in(
    phase: Phase, volume: Volume, box: tuple[slice, slice, slice], limits: Limits
) -> EarlierPhase | None:
    """Return the grey values of another phase in a box of the volume (z, y, x); None where it cannot be read.

    The phase must have the same slices; only those of the box are read.
    """
    normal = normal_of(phase.frames[0].plane)
    ordered = sorted(phase.frames, key=lambda frame: float(np.dot(frame.plane.position, normal)))
    z, y, x = box
    frames = tuple(ordered[z])
    try:
        array = build_volume(replace(phase, frames=frames, expected_slices=len(frames)), limits).array
    except RejectedInput:  # what cannot be read cannot be compared with
        return None
    if array.shape != volume.array[z].shape:
        return None
    return EarlierPhase(array[:, y, x].copy(), (z.start, y.start, x.start))
