"""Tumour outlines from what the original collections have instead: regions with maps, bit flags, boxes, lesion files.

None of them is an outline by experts. Each is made as the authors of the collection describe their measurement.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from pydicom import Dataset, dcmread
from scipy import ndimage

from deploy.errors import CommandError
from workers.images.volume import Grid, Volume

Voxels = NDArray[np.bool_]
ON_GRID_VOXELS = 0.05
"""How far the frame of a segmentation may lie from a slice."""
NO_FRAME = -1
BOX = ("Start Row", "End Row", "Start Column", "End Column", "Start Slice", "End Slice")
"""Columns of Duke's annotation boxes."""
LES_HEADER_BYTES = 12
ONE_PIECE = 0.5
"""Share of a lesion file's voxels in its largest piece: with less, its voxels were read in the wrong order."""


def functional_tumour(region: Path, ser: Volume) -> Voxels:
    """Return where the signal enhancement ratio is positive in the volume of interest (z, y, x): Breast-MRI-NACT-Pilot.

    Raises
    ------
    CommandError
        The region lies on another grid than the map.
    """
    enhancing, inside = np.greater(ser.array, 0), np.greater(_frames_on(ser.grid, dcmread(region)), 0)
    return np.asarray(enhancing & inside)


def unflagged(analysis: Path, grid: Grid) -> Voxels:
    """Return where an analysis mask of I-SPY 2 has no flag (z, y, x).

    Its bytes are flags, each a reason why a voxel does not count (outside the region, below a threshold); 0 is tumour.

    Raises
    ------
    CommandError
        The mask lies on another grid.
    """
    return np.equal(_frames_on(grid, dcmread(analysis)), 0)


def enhancing_in_box(before: Volume, after: Volume, box: Mapping[str, str]) -> Voxels:
    """Return the largest piece of what enhances in an annotation box of Duke (z, y, x), its holes filled.

    Enhancement is parted by Otsu's threshold of the difference inside the box. Rows and columns of the box count from
    1, slices in the order of the Instance Numbers, from 1.

    Raises
    ------
    CommandError
        The box does not lie in the images, or is no box.
    """
    corner = {name: _whole_number(name, box[name]) for name in BOX}
    numbers = np.argsort(np.argsort([int(header.InstanceNumber) for header in after.headers])) + 1
    slices = (numbers >= corner["Start Slice"]) & (numbers <= corner["End Slice"])
    inside = np.zeros(after.array.shape, np.bool_)
    rows, columns = (slice(max(0, corner[f"Start {name}"] - 1), corner[f"End {name}"]) for name in ("Row", "Column"))
    inside[slices, rows, columns] = True
    if before.array.shape != after.array.shape or not inside.any():
        raise CommandError("its annotation box does not lie in its images")
    difference = np.subtract(after.array, before.array, dtype=np.float32)
    return _filled_largest(inside & (difference > _otsu(difference[inside])))


def _whole_number(name: str, text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise CommandError(f"its annotation box has no whole number as {name}") from None


def lesion(file: Path, grid: Grid) -> Voxels:
    """Return the lesion of a file of TCGA-Breast-Radiogenomics (.les) on a grid (z, y, x).

    Six 16-bit numbers are the first and last row, column and slice from 0; then a byte for each voxel, slices fastest.
    The numbers come in pairs, or first voxel before last one: the size of the file tells.

    Raises
    ------
    CommandError
        The file is none, or its lesion does not lie on the grid.
    """
    content = file.read_bytes()
    if len(content) < LES_HEADER_BYTES:
        raise CommandError(f"{file.name}: expected a lesion file, found {len(content)} bytes")
    numbers = np.frombuffer(content, "<u2", 6).astype(int)
    voxels = np.frombuffer(content, np.uint8, offset=LES_HEADER_BYTES) > 0
    orders = (numbers.reshape(3, 2).T, numbers.reshape(2, 3))
    fitting = [(low, high) for low, high in orders if (high >= low).all() and np.prod(high - low + 1) == len(voxels)]
    if not fitting:
        raise CommandError(f"{file.name}: its corners do not give its {len(voxels)} voxels")
    low, high = fitting[0]
    y, x, z = high - low + 1
    if (high >= np.array(grid.shape)[[1, 2, 0]]).any():
        raise CommandError(f"{file.name}: it does not lie in the images")
    cuboid = voxels.reshape(y, x, z).transpose(2, 0, 1)
    largest = _filled_largest(cuboid, fill=False)
    if largest.sum() < ONE_PIECE * max(1, cuboid.sum()):
        raise CommandError(f"{file.name}: its voxels are scattered, as if they were in another order")
    found = np.zeros(grid.shape, np.bool_)
    found[low[2] : high[2] + 1, low[0] : high[0] + 1, low[1] : high[1] + 1] = cuboid
    return found


def _frames_on(grid: Grid, seg: Dataset) -> NDArray[np.int16]:
    """Return the bytes of a segmentation of one segment on a grid (z, y, x); `NO_FRAME` in slices without a frame."""
    found = np.full(grid.shape, NO_FRAME, np.int16)
    frames = seg.pixel_array.reshape(-1, seg.Rows, seg.Columns)
    if frames.shape[1:] != grid.shape[1:]:
        raise CommandError(f"its segmentation has {seg.Rows} x {seg.Columns} pixels, its images {grid.shape[1:]}")
    for values, own in zip(frames, seg.PerFrameFunctionalGroupsSequence, strict=True):
        x, y, z = grid.indices_of([float(one) for one in own.PlanePositionSequence[0].ImagePositionPatient])
        at = round(z)
        if max(abs(x), abs(y), abs(z - at)) > ON_GRID_VOXELS or not 0 <= at < grid.shape[0]:
            raise CommandError("its segmentation lies on another grid than its images")
        found[at] = values
    return found


def _filled_largest(mask: Voxels, *, fill: bool = True) -> Voxels:
    pieces, count = ndimage.label(mask)
    if count == 0:
        return mask
    largest: Voxels = pieces == 1 + int(np.argmax(np.bincount(pieces.ravel())[1:]))
    return np.asarray(ndimage.binary_fill_holes(largest)) if fill else largest


def _otsu(values: NDArray[np.float32]) -> float:
    """Return the threshold with the largest variance between the two parts (Otsu, IEEE Trans SMC 9:62, 1979)."""
    made: Any = sitk.OtsuThresholdImageFilter
    threshold = made()
    threshold.Execute(sitk.GetImageFromArray(values.reshape(1, -1)))
    return float(threshold.GetThreshold())
