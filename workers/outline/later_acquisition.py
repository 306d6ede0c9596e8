"""Later acquisitions of the outlined tissue that are no phases of its examination, as they differ from it.

A phase before contrast with another flip angle, matrix or position than the phases after it cannot be compared with
them voxel by voxel. These are looked up at the outline's points in patient coordinates instead.
"""

import math
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from workers.errors import RejectedInput
from workers.images.attributes import text
from workers.images.frames import frames_of
from workers.images.functional_groups import value_of
from workers.images.grey_values import median
from workers.images.headers import Instance, read_image_headers
from workers.images.phases import Phase
from workers.images.technique import derivation, other_technique
from workers.images.volume import Volume, build_volume
from workers.images.voxels import Box, box_of, voxels_of
from workers.limits import Limits
from workers.outline.examination import by_series, keys_of, phases_of
from workers.outline.surroundings import box_around, surroundings_in

TIMING_TOLERANCE = 0.1
"""As a share: acquisitions whose echo or repetition times differ more weight tissues differently."""
COVERED = 0.9
"""Share of the tumour that another acquisition has to show."""
MOST_POINTS = 50_000


@dataclass(frozen=True)
class LaterAcquisition:
    """How bright the outlined tissue is in a later acquisition."""

    name: str
    gain: float | None
    """Relative increase of the tumour's median over the measured phase; None in another frame of reference."""
    relative_gain: float | None
    """The same of the tumour's median in relation to that of its surroundings: receivers may scale series apart."""
    is_alike: bool
    """Whether echo time, repetition time and fat suppression are like those of the measured phase."""


def later_acquisitions(
    phase: Phase,
    examination: Sequence[Phase],
    volume: Volume,
    tumour: NDArray[np.bool_],
    instances: Sequence[Instance],
    other_series: Sequence[Sequence[Path]],
    limits: Limits,
) -> Iterator[LaterAcquisition]:
    """Yield what later T1-weighted acquisitions show inside the outline.

    ``tumour``: mask (z, y, x) on the grid of the volume. Left out is what cannot be read or does not show the tumour,
    and in another frame of reference what is weighted differently.
    """
    space = _space(phase)
    known = frozenset(reference for one in examination for reference in one.references)
    points: _Points | None = None
    for other in _candidates(instances, other_series, limits):
        first, second = keys_of([phase, other]).values()
        if second <= first or known & other.references:
            continue
        is_alike = _is_alike(phase, other)
        if _space(other) != space:
            if is_alike:
                yield LaterAcquisition(_name(other), None, None, is_alike)
            continue
        with suppress(RejectedInput):  # what is no volume cannot be compared with
            points = points or _Points(volume, tumour)
            found = points.compared(build_volume(other, limits))
            if found is not None:
                yield LaterAcquisition(_name(other), *found, is_alike)


def _candidates(
    instances: Sequence[Instance], other_series: Sequence[Sequence[Path]], limits: Limits
) -> Iterator[Phase]:
    parts: list[Sequence[Instance]] = list(by_series(instances))
    for paths in filter(None, other_series):
        with suppress(RejectedInput):
            if _is_t1_weighted(read_image_headers(paths[:1], limits)[0]):
                parts.append(read_image_headers(paths, limits))
    for part in parts:
        if _is_t1_weighted(part[0]):
            yield from (other for other in phases_of(part) if other.expected_slices > 1)


def _is_t1_weighted(image: Instance) -> bool:
    """Return whether nothing says that an image is of another technique, or was computed."""
    number = frames_of(image)[0].number
    return not (other_technique(image.dataset, number) or derivation(image.dataset, number))


def _space(phase: Phase) -> str:
    return text(phase.frames[0].instance.dataset, "FrameOfReferenceUID")


class _Points:
    """The tumour and its surroundings as points in patient coordinates, with their grey values in the volume."""

    def __init__(self, volume: Volume, tumour: NDArray[np.bool_]) -> None:
        box = box_around(box_of(tumour), tumour.shape, volume.grid.spacing_zyx)
        array, tumour = volume.array[box], tumour[box]
        self._here = median(array[tumour])
        around = surroundings_in(array, tumour, self._here)
        self._tumour, self._around = _points_of(volume, tumour, box), _points_of(volume, around, box)
        self._here_around = median(array[around]) if around.any() else 0.0

    def compared(self, other: Volume) -> tuple[float, float] | None:
        """Return the tumour's gain and its gain in relation to its surroundings; None where it is not shown."""
        tumour, around = _values_at(other, self._tumour), _values_at(other, self._around)
        if min(self._here, self._here_around) <= 0 or tumour.size < COVERED * len(self._tumour) or not around.size:
            return None
        there, there_around = float(np.median(tumour)), float(np.median(around))
        gain = there / self._here
        return gain - 1, (gain / (there_around / self._here_around) if there_around > 0 else gain) - 1


def _points_of(volume: Volume, mask: NDArray[np.bool_], box: Box) -> NDArray[np.float64]:
    """Return voxels in a box of the volume as points (x, y, z) in mm; of many, some."""
    where = voxels_of(mask)[:: max(1, np.count_nonzero(mask) // MOST_POINTS)]
    return volume.grid.points_of((where + [part.start for part in box])[:, ::-1])


def _values_at(volume: Volume, points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the grey values of the voxels at points in patient coordinates, without those outside."""
    x, y, z = np.rint(volume.grid.indices_of(points)).astype(np.intp).T
    depth, rows, columns = volume.array.shape
    inside = (x >= 0) & (x < columns) & (y >= 0) & (y < rows) & (z >= 0) & (z < depth)
    return np.asarray(volume.array[z[inside], y[inside], x[inside]], dtype=np.float64)


def _is_alike(phase: Phase, other: Phase) -> bool:
    pairs = [[_value(one, keyword) for one in (phase, other)] for keyword in ("EchoTime", "RepetitionTime")]
    fat = [_value(one, "ScanOptions") for one in (phase, other)]
    return fat[0] == fat[1] and all(_same_number(*pair) for pair in pairs)


def _value(phase: Phase, keyword: str) -> str:
    first = phase.frames[0]
    return value_of(first.instance.dataset, keyword, first.number)


def _same_number(one: str, other: str) -> bool:
    try:
        return math.isclose(float(one), float(other), rel_tol=TIMING_TOLERANCE)
    except ValueError:
        return False


def _name(phase: Phase) -> str:
    header = phase.frames[0].instance.dataset
    return f"series {text(header, 'SeriesNumber') or text(header, 'SeriesInstanceUID')}"
