"""Kinetic features of an outline: initial enhancement, wash-out and signal enhancement ratio of its voxels.

They are measured on the grid of the images, without resampling. Definitions: `model_store.signatures.kinetics`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from model_store.signatures.kinetics import KINETIC_NAMES
from workers.features.regions import Region, RegionMeasurement
from workers.images.volume import EarlierPhase, KineticPhases

Floats = NDArray[np.float64]

CHANGED = 0.1
"""Share of the early signal: BI-RADS calls a smaller change from early to late a plateau."""
FEWEST_SHARE = 0.5
"""Of the outline's voxels: a median of fewer is not the tumour's."""


def initial_enhancement(before: Floats, early: Floats) -> Floats:
    """Return ``(S1 - S0) / S0`` of each voxel; NaN where there is no signal before contrast."""
    return _divided(early - before, before)


def wash_out(early: Floats, late: Floats) -> Floats:
    """Return ``(S1 - S2) / S1`` of each voxel: positive where signal is lost; NaN where there is none early."""
    return _divided(early - late, early)


def signal_enhancement_ratio(before: Floats, early: Floats, late: Floats) -> Floats:
    """Return ``(S1 - S0) / (S2 - S0)`` of each voxel; NaN where the late phase is no brighter than before contrast."""
    return _divided(early - before, late - before)


def _divided(one: Floats, by: Floats) -> Floats:
    found: Floats = np.divide(one, by, out=np.full(np.shape(one), np.nan), where=by > 0)
    return found


def with_kinetics(
    regions: Sequence[RegionMeasurement], phases: KineticPhases, outline: NDArray[np.bool_]
) -> tuple[RegionMeasurement, ...]:
    """Return the measured regions, the tumour's with its kinetic features, or why it lacks them.

    ``outline`` is on the grid of the volume (z, y, x).
    """
    values = kinetic_values(phases, outline)
    known = {name: value for name, value in values.items() if np.isfinite(value)}
    seen = phases.missing or f"fewer than {FEWEST_SHARE:.0%} of the outline's voxels enhance, or have a signal"
    missing = {name: seen for name in values if name not in known}
    return tuple(
        replace(one, features={**one.features, **known}, missing={**one.missing, **missing})
        if one.region is Region.TUMOUR
        else one
        for one in regions
    )


def kinetic_values(
    phases: KineticPhases, outline: NDArray[np.bool_], start: tuple[int, int, int] = (0, 0, 0)
) -> Mapping[str, float]:
    """Return the kinetic features of an outline by name; NaN where one has no value.

    ``start`` is the voxel of the volume (z, y, x) at which the array of the outline begins.
    """
    voxels = np.argwhere(outline) + start
    before, early, late = (_grey_values(phase, voxels) for phase in (phases.before, phases.early, phases.late))
    uptake = _known(initial_enhancement(before, early))
    lost = _known(wash_out(early, late))
    ratio = _known(np.where(early > before, signal_enhancement_ratio(before, early, late), np.nan))
    values = (
        *(_quantile(uptake, 0.5), _quantile(uptake, 0.9)),
        *(_quantile(lost, 0.5), _quantile(lost, 0.9)),
        *(_share(lost >= CHANGED), _share(lost <= -CHANGED)),
        *(_quantile(ratio, 0.5), _quantile(ratio, 0.9)),
    )
    return dict(zip(KINETIC_NAMES, values, strict=True))


def _grey_values(phase: EarlierPhase | None, voxels: NDArray[np.intp]) -> Floats:
    """Return a phase's grey values of voxels (voxels, 3) of the volume; NaN beyond the part that was read."""
    found = np.full(len(voxels), np.nan)
    if phase is not None:
        inside = ((voxels >= phase.start) & (voxels < np.add(phase.start, phase.array.shape))).all(axis=1)
        found[inside] = phase.array[tuple((voxels[inside] - phase.start).T)]
    return found


def _known(values: Floats) -> Floats:
    """Return the values without NaN; none at all where too few voxels have one."""
    known = values[np.isfinite(values)]
    return known if len(known) >= max(1, FEWEST_SHARE * len(values)) else np.empty(0)


def _quantile(values: Floats, at: float) -> float:
    return float(np.quantile(values, at)) if values.size else float("nan")


def _share(flags: NDArray[np.bool_]) -> float:
    return float(flags.mean()) if flags.size else float("nan")
