"""Groups the frames of a series into families: frames that can form volumes together.

A series may hold more than the slices of its phases: a projection, a scout, the same slices in another contrast. These
differ in contrast, orientation, matrix or pixel spacing, or lie off the regular steps of the other slices. A
scout exactly in line with the slices differs in its technique, such as the slice thickness. Frames are set apart
because of geometry or technique only where the remaining ones form a regular stack. A slice that merely differs
stays with its stack, which is then refused, so that no volume is measured with a slice missing.
"""

from collections import Counter, defaultdict
from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

from workers.images.attributes import text
from workers.images.frames import Frame
from workers.images.slice_geometry import normal_of, same_plane, slice_numbers, steps_between

FEWEST_SLICES = 4
"""With at least this many slices, the regular step of a stack can be determined."""
OFF_STEP = 0.1
"""As a share of the slice distance: how far a slice of a regular stack may lie from its step."""
FEW_STRAYS = 3
"""So many slice positions off the steps may be projections or scouts, however few slices the stack has."""
MOST_STRAYS_SHARE = 0.25
"""Of the regular slice positions. With more of them off the steps, the stack itself is irregular."""


TECHNIQUE = ("SliceThickness", "RepetitionTime", "FlipAngle")
"""Numbers that all slices of a stack share."""
WORDS = ("ScanningSequence", "MRAcquisitionType", "ProtocolName")
"""Texts that all slices of a stack share."""
OTHER_VALUE = 0.1
"""As a share of a number of `TECHNIQUE`: scanners write the same value with different digits."""


def families(frames: Sequence[Frame]) -> list[list[Frame]]:
    """Split the frames of one series into families, in the order of their first frames."""
    contrasts: dict[Hashable, list[Frame]] = defaultdict(list)
    for frame in frames:
        contrasts[frame.contrast].append(frame)
    return [
        part
        for members in contrasts.values()
        for alike in _by_technique(members)
        for plane in _by_plane(alike)
        for part in _by_step(plane)
    ]


def _by_technique(frames: list[Frame]) -> list[list[Frame]]:
    """Split off classic images of another technique at positions of their own: scouts in line with the slices."""
    techniques = [_technique(frame) for frame in frames]
    commonest = Counter(techniques).most_common(1)[0][0]
    other = np.array([one != commonest and _differs(one, commonest) for one in techniques])
    if not other.any():
        return [frames]
    numbers = slice_numbers(frames)
    few = len(set(numbers[other])) <= _most_strays(len(set(numbers[~other])))
    rest = [frame for frame, one in zip(frames, other.tolist(), strict=True) if not one]
    if not few or set(numbers[other]) & set(numbers[~other]) or not _is_regular(_slice_positions(rest)):
        return [frames]
    return [rest, [frame for frame, one in zip(frames, other.tolist(), strict=True) if one]]


def _technique(frame: Frame) -> tuple[str, ...]:
    header = frame.instance.dataset
    return tuple(text(header, keyword) for keyword in (*TECHNIQUE, *WORDS)) if frame.number is None else ()


def _differs(technique: tuple[str, ...], other: tuple[str, ...]) -> bool:
    """Return whether two techniques state different values; one that is absent is no evidence."""
    pairs = [(one, two) for one, two in zip(technique, other, strict=True) if one and two]
    return any(one != two and not _is_same_number(one, two) for one, two in pairs)


def _is_same_number(one: str, two: str) -> bool:
    try:
        return abs(float(one) - float(two)) <= OTHER_VALUE * abs(float(two))
    except ValueError:
        return False


def _most_strays(slices: int) -> float:
    return max(FEW_STRAYS, MOST_STRAYS_SHARE * slices)


def _by_plane(frames: list[Frame]) -> list[list[Frame]]:
    groups: list[list[Frame]] = []
    for frame in frames:
        near = [group for group in groups if same_plane(frame.plane, group[0].plane)]
        if near:
            near[0].append(frame)
        else:
            groups.append([frame])
    stack = _by_step(max(groups, key=len))[0]  # one of several projections may be parallel to the slices
    return groups if len(groups) > 1 and _is_regular(_slice_positions(stack)) else [frames]


def _by_step(frames: list[Frame]) -> list[list[Frame]]:
    """Split off frames whose removal makes the stack regular."""
    positions = _slice_positions(frames)
    if len(positions) <= FEWEST_SLICES or _is_regular(positions):
        return [frames]
    step = float(np.median(np.diff(positions)))
    steps = (positions[None] - positions[[0, len(positions) // 2, -1], None]) / step  # the origin itself may be a stray
    strays = np.abs(steps - np.rint(steps)) > OFF_STEP
    stray = strays[int(np.argmin(strays.sum(axis=1)))]
    most = _most_strays(int(np.count_nonzero(~stray)))
    if not 0 < np.count_nonzero(stray) <= most or not _is_regular(positions[~stray]):
        return [frames]
    is_stray = stray[slice_numbers(frames)].tolist()
    alone = [frame for frame, one in zip(frames, is_stray, strict=True) if one]
    return [[frame for frame, one in zip(frames, is_stray, strict=True) if not one], alone]


def _slice_positions(frames: Sequence[Frame]) -> NDArray[np.float64]:
    """Return the position of each slice along the normal, in the order of `slice_numbers`, in mm."""
    slice_of_frame = slice_numbers(frames)
    along = np.array([frame.plane.position for frame in frames]) @ normal_of(frames[0].plane)
    sums = np.bincount(slice_of_frame, weights=along)
    return np.asarray(sums / np.bincount(slice_of_frame))


def _is_regular(positions: NDArray[np.float64]) -> bool:
    if len(positions) < FEWEST_SLICES:
        return False
    steps, keeps_steps = steps_between(positions)
    gaps = np.diff(positions)
    return (keeps_steps and bool(steps.max() == 1)) or bool(
        np.abs(gaps - np.median(gaps)).max() <= OFF_STEP * abs(float(np.median(gaps)))
    )
