"""A phase as a volume: its slices are ordered by geometry, never by file order."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydicom import Dataset

from workers.errors import Reason, RejectedInput
from workers.images.attributes import text
from workers.images.frames import Frame, unread_number_notes
from workers.images.inverted import INVERTED_NOTE, is_inverted, upright
from workers.images.padding import padding_of, unread_padding_notes
from workers.images.phases import Phase, PhaseIdentity
from workers.images.pixels import Pixels, read_pixels, with_limits
from workers.images.slice_geometry import (
    ROUNDING_MM,
    SAME_DIRECTION,
    SAME_SLICE_MM,
    SAME_SPACING,
    normal_of,
    steps_between,
)
from workers.limits import LIMITS, Limits
from workers.notes import Note

GAP_TOLERANCE = 0.05
"""As a share of the slice spacing: how far a gap may differ from the others beyond rounding (`ROUNDING_MM`)."""
SEND_SLICES = "send the missing slices, or the series without scouts and projections if it holds any"
MOST_SPACING_DIGITS = 6
"""Decimal places to which slice distance and origin in mm are rounded."""


@dataclass(frozen=True)
class SourceFrame:
    """The frame that a slice of the volume was read from."""

    sop_instance_uid: str
    frame_number: int | None
    """1 is the first frame of a multi-frame object; None in a classic image."""


@dataclass(frozen=True, eq=False)
class Grid:
    """A regular grid of voxels. Vectors are in order x, y, z; shapes are in array order z, y, x."""

    origin_mm: tuple[float, float, float]
    """Centre of voxel (0, 0, 0) in patient coordinates, in mm."""
    spacing_mm: tuple[float, float, float]
    direction: NDArray[np.float64]
    """3 x 3; the columns are the unit vectors along which the x, y and z index increase."""
    shape: tuple[int, int, int]

    def indices_of(self, points_mm: ArrayLike) -> NDArray[np.float64]:
        """Return the continuous indices (x, y, z) of points in patient coordinates (mm); the last axis has length 3."""
        offsets = np.asarray(points_mm, dtype=np.float64) - self.origin_mm
        return np.asarray(offsets @ np.linalg.inv(self.direction).T / self.spacing_mm)

    def points_of(self, indices: ArrayLike) -> NDArray[np.float64]:
        """Return the points in patient coordinates (mm) of continuous indices (x, y, z)."""
        steps = np.asarray(indices, dtype=np.float64) * self.spacing_mm
        return np.asarray(steps @ self.direction.T + self.origin_mm)

    @property
    def spacing_zyx(self) -> tuple[float, float, float]:
        """Spacing in the order of the array axes (z, y, x), in mm."""
        x, y, z = self.spacing_mm
        return z, y, x


@dataclass(frozen=True, eq=False)
class EarlierPhase:
    """Part of another phase, on the grid of the measured one."""

    array: NDArray[np.generic]
    """Grey values (z, y, x)."""
    start: tuple[int, int, int]
    """Voxel of the volume at which the part begins."""

    def part(self, box: tuple[slice, slice, slice]) -> NDArray[np.generic] | None:
        """Return the grey values in a box of the volume; None where the part does not hold the whole box."""
        z, y, x = (slice(one.start - at, one.stop - at) for one, at in zip(box, self.start, strict=True))
        ends = zip((z, y, x), self.array.shape, strict=True)
        return self.array[z, y, x] if all(one.start >= 0 and one.stop <= size for one, size in ends) else None


@dataclass(frozen=True, eq=False)
class KineticPhases:
    """The phases that kinetic features are measured from, around the outline; None where there is no such phase."""

    before: EarlierPhase | None = None
    early: EarlierPhase | None = None
    late: EarlierPhase | None = None
    missing: str = "the images hold one phase"
    """Why one is None, for the reader of a report."""


ONE_PHASE = KineticPhases()


@dataclass(frozen=True, eq=False)
class Volume:
    """One phase on its grid. The z index increases along row direction x column direction."""

    array: NDArray[np.generic]
    """Grey values (z, y, x): stored values, rescaled where the headers say so; padding has the lowest of them."""
    origin_mm: tuple[float, float, float]
    """Centre of voxel (0, 0, 0) in patient coordinates (x, y, z), in mm."""
    spacing_mm: tuple[float, float, float]
    """Along x, y, z, in mm."""
    direction: NDArray[np.float64]
    """3 x 3; the columns are the unit vectors of the x, y and z index axes in patient coordinates."""
    frames: tuple[SourceFrame, ...]
    """One for each slice."""
    headers: tuple[Dataset, ...]
    """One for each instance, without pixels, in slice order; a single one for Enhanced MR."""
    frame_of_reference_uid: str
    """Empty where the images have none."""
    phase: PhaseIdentity
    padding: NDArray[np.bool_] | None = None
    """Mask (z, y, x) of voxels that are padding according to the headers; None where there are none."""
    notes: tuple[Note, ...] = ()
    """Notes for the report about the images."""
    number_in_examination: int | None = None
    """Number of the phase among those of all series of the examination, 1 before contrast; None where it is unknown."""
    is_shown_after_contrast: bool = True
    """False where neither headers nor another phase show that the images were acquired after contrast."""
    before_contrast: EarlierPhase | None = None
    """The part around the outline, where the profile compares with it; None elsewhere."""
    kinetic_phases: KineticPhases = ONE_PHASE
    """Where the profile measures kinetic features."""
    pixels: Pixels | None = None
    """The same grey values with their limits, where reading has found them."""

    @cached_property
    def limits(self) -> tuple[float, float]:
        """Lowest and highest grey value."""
        known = self.pixels
        if known is None or known.values is not self.array:
            known = with_limits(self.array)
        return known.lowest, known.highest

    @cached_property
    def grid(self) -> Grid:
        """Place and shape of the volume."""
        z, y, x = self.array.shape
        return Grid(self.origin_mm, self.spacing_mm, self.direction, (z, y, x))


def build_volume(phase: Phase, limits: Limits = LIMITS) -> Volume:
    """Stack the frames of a phase into a volume.

    Raises
    ------
    RejectedInput
        IRREGULAR_GEOMETRY for mixed frames of reference, orientation, spacing or matrix, MISSING_SLICES for gaps,
        UNREADABLE_PIXELS, INVALID_PIXELS.
    """
    frame_of_reference_uid = _frame_of_reference(phase.frames)
    frames, grid = _stacked(phase)
    stored = read_pixels(frames, limits.max_voxels)
    padding = padding_of(stored.values, frames)
    array = _without_padding(_rescaled(stored.values, frames), padding)
    inverted = is_inverted(frames)
    if inverted:
        array = _without_padding(upright(array, padding, frames), padding)
    pixels = stored if array is stored.values and padding is None else with_limits(array)
    if pixels.lowest == pixels.highest:
        raise RejectedInput(
            Reason.INVALID_PIXELS, f"series {frames[0].instance.series_uid}: every voxel holds the same value"
        )
    return Volume(
        array=array,
        origin_mm=grid.origin_mm,
        spacing_mm=grid.spacing_mm,
        direction=grid.direction,
        frames=tuple(SourceFrame(frame.instance.sop_instance_uid, frame.number) for frame in frames),
        headers=tuple({id(frame.instance): frame.instance.dataset for frame in frames}.values()),
        frame_of_reference_uid=frame_of_reference_uid,
        phase=phase.identity,
        padding=padding,
        notes=(
            *phase.notes,
            *unread_number_notes(frames),
            *unread_padding_notes(frames),
            *((INVERTED_NOTE,) if inverted else ()),
        ),
        pixels=pixels,
    )


def grid_of(phase: Phase) -> Grid:
    """Return the grid of a phase, without reading a pixel.

    Raises
    ------
    RejectedInput
        IRREGULAR_GEOMETRY, MISSING_SLICES.
    """
    return _stacked(phase)[1]


def _stacked(phase: Phase) -> tuple[list[Frame], Grid]:
    """Return the frames in order of the z index, and their grid."""
    frames, normal = _in_slice_order(phase.frames)
    positions = np.array([frame.plane.position for frame in frames])
    spacing_mm = _slice_spacing(frames, positions @ normal, phase.expected_slices)
    origins = positions - np.outer(np.arange(len(frames)) * spacing_mm, normal)
    _check_sideways(frames, origins, normal)
    # The mean, so that the rounding of one position does not shift all others.
    x, y, z = (round(float(value), MOST_SPACING_DIGITS) for value in origins.mean(axis=0))
    first = frames[0].plane
    grid = Grid(
        (x, y, z),
        (first.column_spacing, first.row_spacing, spacing_mm),
        np.column_stack([first.row_direction, first.column_direction, normal]),
        (len(frames), first.rows, first.columns),
    )
    return frames, grid


def _frame_of_reference(frames: Sequence[Frame]) -> str:
    found: dict[str, str] = {}
    for frame in frames:
        found.setdefault(text(frame.instance.dataset, "FrameOfReferenceUID"), frame.instance.sop_instance_uid)
    if len(found) > 1:
        raise RejectedInput(
            Reason.IRREGULAR_GEOMETRY,
            f"{max(found.values())}: its FrameOfReferenceUID differs from that of the other slices: send the "
            "original images of one examination",
        )
    return next(iter(found))


def _in_slice_order(frames: Sequence[Frame]) -> tuple[list[Frame], NDArray[np.float64]]:
    planes = [frame.plane for frame in frames]
    first = planes[0]
    axes = np.array([(*plane.row_direction, *plane.column_direction) for plane in planes])
    spacings = np.array([(plane.column_spacing, plane.row_spacing) for plane in planes])
    same_axes = np.abs(axes - axes[0]).max(axis=1) < SAME_DIRECTION
    same_matrix = np.array([(plane.rows, plane.columns) == (first.rows, first.columns) for plane in planes])
    same_spacing = np.isclose(spacings, spacings[0], rtol=SAME_SPACING).all(axis=1)
    for at in np.flatnonzero(~(same_axes & same_matrix & same_spacing)).tolist():
        what = "orientation" if not same_axes[at] else "matrix" if not same_matrix[at] else "pixel spacing"
        raise RejectedInput(
            Reason.IRREGULAR_GEOMETRY,
            f"{frames[at].instance.sop_instance_uid}: its {what} differs from that of the other slices: "
            "send the original series of this phase",
        )
    normal = normal_of(first)
    return sorted(frames, key=lambda frame: float(np.dot(frame.plane.position, normal))), normal


def _slice_spacing(frames: Sequence[Frame], positions: NDArray[np.float64], expected_slices: int) -> float:
    series = frames[0].instance.series_uid
    if len(frames) < 2 or len(frames) < expected_slices:
        raise RejectedInput(
            Reason.MISSING_SLICES,
            f"series {series}: expected {max(expected_slices, 2)} slices in this phase, found {len(frames)}: "
            f"{SEND_SLICES}",
        )
    gaps = np.diff(positions)
    spacing_mm = float(np.median(gaps))
    if gaps.min() <= SAME_SLICE_MM:
        raise RejectedInput(
            Reason.IRREGULAR_GEOMETRY,
            f"series {series}: two frames of one phase are in the same slice: send each slice once",
        )
    steps, keeps_steps = steps_between(positions)
    allowed = np.where(keeps_steps & (steps == 1), np.inf, GAP_TOLERANCE * spacing_mm)
    for at, gap in enumerate(gaps):
        if abs(gap - spacing_mm) > allowed[at]:
            _refuse_gap(frames[at], float(gap), spacing_mm, is_whole=keeps_steps)
    return _unrounded(positions)


def _check_sideways(frames: Sequence[Frame], origins: NDArray[np.float64], normal: NDArray[np.float64]) -> None:
    """Check that slices lie above each other; ``origins`` are their positions without the steps between them."""
    sideways = origins - np.outer(origins @ normal, normal)
    shift_mm = float(np.abs(sideways - sideways.mean(axis=0)).max())
    if shift_mm > ROUNDING_MM:
        raise RejectedInput(
            Reason.IRREGULAR_GEOMETRY,
            f"series {frames[0].instance.series_uid}: slices are shifted sideways by up to {shift_mm:.2f} mm: "
            "send the original series",
        )


def _unrounded(positions: NDArray[np.float64]) -> float:
    """Return the slice distance in mm: the number with the fewest digits that fits the positions.

    Writers round positions. A distance of 2.5 mm then becomes 2.50004, and resampled voxels exactly halfway between two
    slices would all change to the other slice.
    """
    steps = np.arange(len(positions))
    spacing_mm = float((positions[-1] - positions[0]) / (len(positions) - 1))
    off = np.abs(positions - positions[0] - steps * spacing_mm).max()
    tolerance = max(2 * float(off), 1e-9) / (len(positions) - 1)
    for digits in range(MOST_SPACING_DIGITS):
        if abs(round(spacing_mm, digits) - spacing_mm) <= tolerance:
            return round(spacing_mm, digits)
    return spacing_mm


def _refuse_gap(frame: Frame, gap_mm: float, spacing_mm: float, *, is_whole: bool) -> None:
    missing = gap_mm / spacing_mm - 1
    whole = round(missing) >= 1 and (is_whole or abs(missing - round(missing)) <= 2 * GAP_TOLERANCE)
    message = f"after {frame.instance.sop_instance_uid}: expected the next slice after {spacing_mm:.3f} mm, "
    if whole:
        raise RejectedInput(
            Reason.MISSING_SLICES,
            f"{message}found it after {gap_mm:.3f} mm: {round(missing)} slices are missing: {SEND_SLICES}",
        )
    raise RejectedInput(Reason.IRREGULAR_GEOMETRY, f"{message}found it after {gap_mm:.3f} mm: send the original series")


def _rescaled(stored: NDArray[np.generic], frames: Sequence[Frame]) -> NDArray[np.generic]:
    if all(frame.slope == 1 and frame.intercept == 0 for frame in frames):
        array = stored
    else:
        slopes = np.array([frame.slope for frame in frames])[:, None, None]
        intercepts = np.array([frame.intercept for frame in frames])[:, None, None]
        with np.errstate(over="ignore", invalid="ignore"):  # reported below
            array = stored * slopes + intercepts
        if not np.isfinite(array).all():
            raise RejectedInput(
                Reason.INVALID_PIXELS,
                f"series {frames[0].instance.series_uid}: grey values are not finite numbers: send the original images",
            )
    return array


def _without_padding(array: NDArray[np.generic], padding: NDArray[np.bool_] | None) -> NDArray[np.generic]:
    """Set padding to the lowest of the other values."""
    if padding is not None:
        array[padding] = array[~padding].min()
    return array
