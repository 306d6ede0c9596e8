"""The slices of an outline in another phase of its examination."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from model_store.signatures.kinetics import BEFORE_CONTRAST, Kinetics
from workers.errors import RejectedInput
from workers.images.attributes import text
from workers.images.phases import Phase
from workers.images.slice_geometry import normal_of
from workers.images.volume import EarlierPhase, KineticPhases, Volume, build_volume
from workers.limits import Limits


def surroundings_in(
    phase: Phase, volume: Volume, box: tuple[slice, slice, slice], limits: Limits
) -> EarlierPhase | None:
    """Return the grey values of another phase in a box of the volume (z, y, x); None where it cannot be read.

    The phase must have the same slices.
    """
    z, y, x = box
    array = slices_of(phase, z, limits)
    if array is None or array.shape != volume.array[z].shape:
        return None
    return EarlierPhase(array[:, y, x].copy(), (z.start, y.start, x.start))


def kinetic_phases_in(
    phases: Sequence[Phase], which: Kinetics, volume: Volume, slices: slice, limits: Limits
) -> KineticPhases:
    """Return the phases of an examination that kinetic features are measured from, in these slices of the volume.

    ``phases`` is in order of time, and empty where it is not known which phase is before contrast.
    """
    if not phases:
        return KineticPhases(missing="no phase is known to be before contrast")
    found: dict[int, EarlierPhase | None] = {}
    late = len(phases) if which.late is None else which.late
    for number in {BEFORE_CONTRAST, which.early, late}:
        array = slices_of(phases[number - 1], slices, limits) if number <= len(phases) else None
        fits = array is not None and array.shape == volume.array[slices].shape
        found[number] = EarlierPhase(array, (slices.start, 0, 0)) if array is not None and fits else None
    before, early = found[BEFORE_CONTRAST], found[which.early]
    if late <= which.early:
        return KineticPhases(before, early, missing=f"the examination has {len(phases)} phases, none after the early")
    wanted = ", ".join(str(number) for number in sorted(found) if found[number] is None)
    missing = f"of {len(phases)} phases of the examination, phase {wanted} is not there or cannot be read"
    return KineticPhases(before, early, found[late], missing=missing if wanted else "")


def slices_of(phase: Phase, part: slice, limits: Limits) -> NDArray[np.generic] | None:
    """Return the grey values of some slices of a phase (z, y, x); None where they cannot be read.

    Only these are read, except of MONOCHROME1 images: they are inverted by the highest value of the whole phase.
    """
    normal = normal_of(phase.frames[0].plane)
    ordered = sorted(phase.frames, key=lambda frame: float(np.dot(frame.plane.position, normal)))
    inverted = text(ordered[0].instance.dataset, "PhotometricInterpretation") == "MONOCHROME1"
    frames = tuple(ordered if inverted else ordered[part])
    try:
        array = build_volume(replace(phase, frames=frames, expected_slices=len(frames)), limits).array
    except RejectedInput:  # what cannot be read cannot be compared with
        return None
    return array[part] if inverted else array
