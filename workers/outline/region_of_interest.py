"""The outline as masks on the grid of the volume that it was drawn on."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.dataelem import RawDataElement
from pydicom.tag import Tag

from listener.dicom.data_set import UNREADABLE_BYTES
from workers.errors import Reason, RejectedInput
from workers.images.attributes import text
from workers.images.frames import Plane
from workers.images.slice_geometry import ROUNDING_MM
from workers.images.volume import Grid, Volume
from workers.images.voxels import Box, bounds, box_of, voxels_of
from workers.notes import Note
from workers.outline.outline import Outline

OFF_GRID_VOXELS = 0.1
"""How far a pixel centre of the outline may be from a voxel centre, in voxels; `ROUNDING_MM` where that is more."""
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


@dataclass(frozen=True, eq=False)
class RegionOfInterest:
    """Masks on the grid of the volume (z, y, x)."""

    tumour: NDArray[np.bool_]
    other_tissue: NDArray[np.bool_] | None
    """Voxels of segments such as vessel, skin and chest wall; None where there are none."""
    notes: tuple[Note, ...] = ()
    """Notes for the report about the outline."""

    @cached_property
    def box(self) -> Box:
        """The box around the tumour: whole volumes are searched once."""
        return box_of(self.tumour)

    def values_in(self, array: NDArray[np.generic]) -> NDArray[np.generic]:
        """Return the tumour's values in an array on this grid, in its order."""
        return array[self.box][self.tumour[self.box]]


def region_of_interest(outline: Outline, volume: Volume) -> RegionOfInterest:
    """Place the outline by geometry; its frames may be flipped or rotated against the volume, but not resampled.

    Raises
    ------
    RejectedInput
        PATIENT_MISMATCH, UNREADABLE_OBJECT where an ID cannot be decoded, OTHER_FRAME_OF_REFERENCE, NO_GEOMETRY where
        neither a frame of reference nor the referenced images give its position, UNSUPPORTED_SEGMENTATION where it
        is on another grid, OUTSIDE_VOLUME, EMPTY_SEGMENTATION, SINGLE_SLICE.
    """
    _check_identity(outline, volume)
    notes = (*outline.notes, *_check_space(outline, volume))
    tumour = np.zeros(volume.array.shape, dtype=np.bool_)
    other = np.zeros_like(tumour) if outline.other_tissue_numbers else None
    is_empty = True
    for number, plane, mask in outline.masks():
        is_tumour = number == outline.tumour_number
        target = tumour if is_tumour else other
        if target is not None and mask.any():
            _draw(target, mask, plane, volume.grid, outline.name, may_leave=not is_tumour)
            is_empty &= not is_tumour
    if is_empty:
        raise RejectedInput(
            Reason.EMPTY_SEGMENTATION,
            f"{outline.name}: its tumour segment does not hold a single voxel: save the outline again and send it",
        )
    roi = RegionOfInterest(tumour, other, notes)
    if any(part.stop - part.start == 1 for part in roi.box):
        raise RejectedInput(
            Reason.SINGLE_SLICE,
            f"{outline.name}: the tumour is outlined on one slice only, which is not a volume: outline it on every "
            "slice that shows it",
        )
    if np.diff(np.flatnonzero(tumour[roi.box].any(axis=(1, 2)))).min() > 1:
        raise RejectedInput(
            Reason.SINGLE_SLICE,
            f"{outline.name}: the tumour is outlined on single slices with gaps between them, which are no volume: "
            "outline it on every slice that shows it",
        )
    return roi


def lies_on(plane: Plane, grid: Grid) -> bool:
    """Return whether the pixels of an outline's frame are voxels of the grid, within its slices."""
    try:
        corner, along_rows, along_columns = _steps(plane, grid, "")
    except RejectedInput:
        return False
    last = corner + (plane.rows - 1) * along_rows + (plane.columns - 1) * along_columns
    low, high = np.minimum(corner, last), np.maximum(corner, last)
    return bool((high >= 0).all() and (low < np.array(grid.shape[::-1])).all())


def off_grid_limits(grid: Grid) -> NDArray[np.float64]:
    """Return how far a pixel centre of an outline may be from a voxel centre, in voxels (x, y, z)."""
    return np.maximum(OFF_GRID_VOXELS, ROUNDING_MM / np.array(grid.spacing_mm))


def _check_identity(outline: Outline, volume: Volume) -> None:
    """Check that outline and images agree on patient and study, each decoded with its own character set.

    A missing ID differs from a present one. Issuers are compared only where both are present: many senders omit them.
    """
    header = outline.instance.dataset
    for keyword in ("PatientID", "IssuerOfPatientID", "StudyInstanceUID"):
        values = {_decoded(one, keyword) for one in _different((header, *volume.headers), keyword)}
        if keyword == "IssuerOfPatientID":
            values.discard("")
        if len(values) > 1:
            raise RejectedInput(
                Reason.PATIENT_MISMATCH,
                f"{outline.name}: its {keyword} differs from that of the images: find the cause before anything else",
            )


def _check_space(outline: Outline, volume: Volume) -> tuple[Note, ...]:
    """Check that outline and images share coordinates; return a note where only the referenced images prove it.

    Without a common frame of reference, an outline shares the images' coordinates if each of its frames lies on the
    image that it references.
    """
    mine, theirs = text(outline.instance.dataset, "FrameOfReferenceUID"), volume.frame_of_reference_uid
    if mine and mine == theirs:
        return ()
    if _lies_on_named_images(outline, volume):
        what = "the outline has none" if not mine else "the images have another" if theirs else "the images have none"
        return (Note(f"Outline and images share no frame of reference ({what}): placed by the referenced images."),)
    if mine and theirs:
        raise RejectedInput(
            Reason.OTHER_FRAME_OF_REFERENCE,
            f"{outline.name}: expected frame of reference {theirs}, found {mine}: outline and images do not share "
            "coordinates: draw it on the images of this examination",
        )
    if not theirs:
        raise RejectedInput(
            Reason.NO_GEOMETRY,
            f"{volume.frames[0].sop_instance_uid}: expected a FrameOfReferenceUID, found none: nothing says that the "
            "outline shares its coordinates: export it with the images that it was drawn on as its source",
        )
    return ()


def _lies_on_named_images(outline: Outline, volume: Volume) -> bool:
    at: dict[str, list[int]] = {}
    for slice_number, frame in enumerate(volume.frames):
        at.setdefault(frame.sop_instance_uid, []).append(slice_number)
    numbers = zip(outline.planes, outline.segment_numbers, outline.frame_sources, strict=True)
    frames = [(plane, sources) for plane, number, sources in numbers if number in (0, outline.tumour_number)]
    for plane, sources in frames:
        positions = [position for uid in sources for position in at.get(uid, ())]
        z = float(volume.grid.indices_of([plane.position])[0][2])
        if not positions or min(abs(z - position) for position in positions) > off_grid_limits(volume.grid)[2]:
            return False
    return bool(frames)


def _different(headers: Sequence[Dataset], keyword: str) -> Iterable[Dataset]:
    """Return a header for each form of an element: all images of a series have the same bytes."""
    tag = Tag(keyword)
    elements = [one.get_item(tag) if tag in one else None for one in headers]
    forms = [
        (element.value, str(one.original_character_set)) if isinstance(element, RawDataElement) else at
        for at, (one, element) in enumerate(zip(headers, elements, strict=True))
    ]
    return dict(zip(forms, headers, strict=True)).values()


def _decoded(header: Dataset, keyword: str) -> str:
    """Return a text element in Unicode: the same text has different bytes in different character sets."""
    try:
        found = str(header.get(keyword) or "").strip(" \0")
    except UNREADABLE_BYTES as error:
        raise RejectedInput(Reason.UNREADABLE_OBJECT, f"{keyword} cannot be read ({type(error).__name__})") from error
    if REPLACEMENT in found:  # stands for bytes that the character set cannot decode
        raise RejectedInput(
            Reason.UNREADABLE_OBJECT, f"{keyword} holds bytes that its Specific Character Set cannot decode"
        )
    return found


def _draw(
    target: NDArray[np.bool_], mask: NDArray[np.bool_], plane: Plane, grid: Grid, name: str, *, may_leave: bool
) -> None:
    (top, bottom), (left, right) = bounds(mask)
    if _are_inside(np.array([[top, left], [top, right], [bottom, left], [bottom, right]]), plane, grid).all():
        corner, along_rows, along_columns = _steps(plane, grid, name)
        first = corner + top * along_rows + left * along_columns
        part = mask[top : bottom + 1, left : right + 1]
        _pixels_in(target, first, along_rows, along_columns, part.shape)[part] = True
        return
    pixels = voxels_of(mask)
    inside = _are_inside(pixels, plane, grid)
    if not may_leave and not inside.all():
        raise RejectedInput(
            Reason.OUTSIDE_VOLUME,
            f"{name}: {np.count_nonzero(~inside)} of {len(pixels)} tumour pixels of a frame lie outside the images: "
            "check which series it was drawn on",
        )
    corner, along_rows, along_columns = _steps(plane, grid, name)
    x, y, z = (corner + pixels[inside] @ np.array([along_rows, along_columns])).T
    target[z, y, x] = True


def _are_inside(pixels: NDArray[np.intp], plane: Plane, grid: Grid) -> NDArray[np.bool_]:
    """Return whether the centres of pixels (row, column) lie in voxels of the grid; between some that do, all do."""
    down = np.array(plane.column_direction) * plane.row_spacing
    right = np.array(plane.row_direction) * plane.column_spacing
    exact = grid.indices_of(plane.position + pixels @ np.array([down, right]))
    return np.asarray(((exact > -0.5) & (exact < np.array(grid.shape[::-1]) - 0.5)).all(axis=1))


def _pixels_in(
    target: NDArray[np.bool_],
    first: NDArray[np.intp],
    along_rows: NDArray[np.intp],
    along_columns: NDArray[np.intp],
    shape: tuple[int, ...],
) -> NDArray[np.bool_]:
    """Return the voxels of ``target`` that a part of a frame's pixels are: a view in their order (row, column).

    The first voxel and the steps from one to the next are in the order x, y, z.
    """
    index: list[int | slice] = first[::-1].tolist()
    axes = []
    for step, count in zip((along_rows[::-1], along_columns[::-1]), shape, strict=True):
        axis = int(np.flatnonzero(step)[0])
        start, by = int(first[2 - axis]), int(step[axis])
        end = start + by * count
        index[axis] = slice(start, end if end >= 0 else None, by)
        axes.append(axis)
    found = target[tuple(index)]
    return found if axes[0] < axes[1] else found.T


def _steps(plane: Plane, grid: Grid, name: str) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
    """Return the index (x, y, z) of the first pixel, and the steps to the next row and to the next column."""
    last_row, last_column = max(plane.rows - 1, 1), max(plane.columns - 1, 1)
    first = np.array(plane.position)
    down = np.array(plane.column_direction) * plane.row_spacing
    right = np.array(plane.row_direction) * plane.column_spacing
    corners = grid.indices_of([first, first + last_row * down, first + last_column * right])
    whole = np.rint(corners)
    if (np.abs(corners - whole) > off_grid_limits(grid)).any():
        raise _other_grid(plane, grid, name, f"it lies up to {np.abs(corners - whole).max():.2f} voxels off the grid")
    steps = (whole[1] - whole[0]) / last_row, (whole[2] - whole[0]) / last_column
    for step in steps:
        if sorted(np.abs(step)) != [0.0, 0.0, 1.0]:
            raise _other_grid(plane, grid, name, "its pixels do not step from voxel to voxel")
    return whole[0].astype(np.intp), steps[0].astype(np.intp), steps[1].astype(np.intp)


def _other_grid(plane: Plane, grid: Grid, name: str, what: str) -> RejectedInput:
    x, y, z = grid.spacing_mm
    return RejectedInput(
        Reason.UNSUPPORTED_SEGMENTATION,
        f"{name}: it was drawn on another grid than the images: {what} (pixels of {plane.column_spacing:g} x "
        f"{plane.row_spacing:g} mm on voxels of {x:g} x {y:g} x {z:g} mm; up to {OFF_GRID_VOXELS:g} voxels "
        f"or {ROUNDING_MM:g} mm are allowed): save the outline on the grid of the original images, not resampled",
    )
