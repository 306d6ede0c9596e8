"""Pixels of a Segmentation: packed bits, fractions and labels, uncompressed or compressed."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from workers.errors import Reason, RejectedInput
from workers.images.attributes import integer, text
from workers.images.compressed_pixels import UndecodablePixels, decode_pixels
from workers.images.headers import Instance, file_bytes_after, frame_count
from workers.images.pixels import NATIVE_SYNTAXES

FRACTION = 0.5
"""As a share of MaximumFractionalValue: at or above it, a voxel belongs to the segment."""


MOST_FLAG_VALUES = 64
"""Number of different values in a mask of bit flags; probabilities have more."""
MOST_SHOWN = 8
BitOrder = Literal["little", "big"]
FRAYED = 0.8
"""As a share of the borders along rows: if the other bit order has fewer than this, it is the right one."""


def read_segment_frames(instance: Instance, frames: Sequence[int]) -> list[NDArray[np.generic]]:
    """Return frames by index from 0: masks for BINARY and FRACTIONAL, segment numbers for LABELMAP.

    Raises
    ------
    RejectedInput
        UNREADABLE_PIXELS where pixel data is missing, truncated or damaged.
    """
    is_native = instance.transfer_syntax in NATIVE_SYNTAXES and instance.pixels is not None
    stored = _read_native(instance, frames) if is_native else _decode(instance, frames)
    if text(instance.dataset, "SegmentationType") != "FRACTIONAL":
        return stored
    maximum = integer(instance.dataset, "MaximumFractionalValue") or 255
    _check_fractions(instance, stored, maximum)
    return [frame.astype(np.float64) >= FRACTION * maximum for frame in stored]


def _check_fractions(instance: Instance, frames: Sequence[NDArray[np.generic]], maximum: int) -> None:
    """Check that the values are fractions of a segment, not bit flags or labels in the same bytes.

    In masks of bit flags, 0 marks voxels that no flag excludes, so that the corners of the frames are flagged. With
    fractions, the corners are 0, because no tumour is there.
    """
    values = np.unique(np.concatenate([np.unique(frame) for frame in frames])) if frames else np.zeros(1)
    corners = np.array([frame[[0, 0, -1, -1], [0, -1, 0, -1]] for frame in frames])
    are_flags = (
        len(values) <= MOST_FLAG_VALUES and len(corners) > 0 and float((corners > 0).all(axis=1).mean()) > FRACTION
    )
    never_half = 0 < float(values.max()) < FRACTION * maximum
    if are_flags or never_half or float(values.max()) > maximum:
        shown = ", ".join(str(int(value)) for value in values[:MOST_SHOWN])
        raise RejectedInput(
            Reason.UNSUPPORTED_SEGMENTATION,
            f"SEG {instance.sop_instance_uid}: it is declared FRACTIONAL with a maximum of {maximum}, but its bytes "
            f"({shown}) are flags or labels, not fractions: export the tumour as a BINARY segmentation",
        )


def _read_native(instance: Instance, frames: Sequence[int]) -> list[NDArray[np.generic]]:
    header = instance.dataset
    rows, columns, bits = (integer(header, keyword) or 0 for keyword in ("Rows", "Columns", "BitsAllocated"))
    count = frame_count(instance)
    size = rows * columns
    offset = instance.pixels.offset if instance.pixels else 0
    expected = (count * size * bits + 7) // 8
    if bits not in (1, 8, 16) or file_bytes_after(instance) < expected:
        raise RejectedInput(
            Reason.UNREADABLE_PIXELS,
            f"SEG {instance.sop_instance_uid}: expected {expected} bytes of pixel data, "
            f"the file holds {file_bytes_after(instance)}",
        )
    if bits > 1:
        whole = np.memmap(instance.path, f"<u{bits // 8}", "r", offset, (count, rows, columns))
        return [np.array(whole[at]) for at in frames]
    return _read_bits(instance, frames, rows, columns)


def pads_frames(instance: Instance) -> bool:
    """Return whether each frame of packed bits is padded to whole bytes, judged by the length of the pixel data.

    Frames follow each other without padding (PS3.5 section 8.1.1), but some writers add it.
    """
    header = instance.dataset
    pixels = (integer(header, "Rows") or 0) * (integer(header, "Columns") or 0)
    if integer(header, "BitsAllocated") != 1 or instance.pixels is None or pixels % 8 == 0:
        return False
    right, padded = (frame_count(instance) * pixels + 7) // 8, frame_count(instance) * ((pixels + 7) // 8)
    return instance.pixels.length in (padded, padded + 1) and right + right % 2 < padded


def _read_bits(instance: Instance, frames: Sequence[int], rows: int, columns: int) -> list[NDArray[np.generic]]:
    size, count = rows * columns, frame_count(instance)
    padded_size = (size + 7) // 8 * 8
    bytes_there = min(file_bytes_after(instance), (count * padded_size) // 8)
    offset = instance.pixels.offset if instance.pixels else 0
    packed = np.memmap(instance.path, np.uint8, "r", offset, (bytes_there,))

    def read(step: int, order: BitOrder = "little") -> list[NDArray[np.generic]]:
        return [_unpacked(packed, at * step, size, order).reshape(rows, columns) for at in frames]

    if pads_frames(instance):
        return read(padded_size)
    found = read(size)
    _check_bit_order(instance, found, read(size, "big"))
    # With few frames the length is the same; then the pixels decide: in frames that are shifted by some bits,
    # neighbouring slices overlap less than they should.
    if size % 8 and bytes_there * 8 >= count * padded_size and _overlap(read(padded_size)) > _overlap(found):
        raise RejectedInput(
            Reason.UNSUPPORTED_SEGMENTATION,
            f"SEG {instance.sop_instance_uid}: its {count} frames of {rows} x {columns} may be padded to whole "
            "bytes, against PS3.5 section 8.1.1, and the length is ambiguous: export it with another program",
        )
    return found


def _overlap(frames: Sequence[NDArray[np.generic]]) -> int:
    return sum(int(np.count_nonzero(np.logical_and(one, other))) for one, other in pairwise(frames))


def _check_bit_order(
    instance: Instance, frames: Sequence[NDArray[np.generic]], reversed_frames: Sequence[NDArray[np.generic]]
) -> None:
    """Check that the first pixel is the lowest bit: in the other bit order, borders break up every 8 pixels."""
    if _borders(reversed_frames) < FRAYED * _borders(frames):
        raise RejectedInput(
            Reason.UNSUPPORTED_SEGMENTATION,
            f"SEG {instance.sop_instance_uid}: its bits seem to be packed from the highest to the lowest, against "
            "PS3.5 section 8.1.1: export it with another program",
        )


def _borders(frames: Sequence[NDArray[np.generic]]) -> int:
    return sum(int(np.count_nonzero(np.diff(frame.view(np.uint8), axis=1))) for frame in frames)


def _unpacked(packed: NDArray[np.uint8], start: int, count: int, order: BitOrder) -> NDArray[np.bool_]:
    """Return ``count`` bits; a frame need not begin at a byte boundary (PS3.5 section 8.1.1)."""
    first, last = start // 8, (start + count + 7) // 8
    bits = np.unpackbits(packed[first:last], bitorder=order)
    return bits[start - first * 8 :][:count].view(np.bool_)


def _decode(instance: Instance, frames: Sequence[int]) -> list[NDArray[np.generic]]:
    try:
        whole = decode_pixels(instance.path)
        return [whole[at] for at in frames]
    except (UndecodablePixels, IndexError) as error:
        raise RejectedInput(
            Reason.UNREADABLE_PIXELS,
            f"SEG {instance.sop_instance_uid}: pixel data ({instance.transfer_syntax.name}) cannot be decoded: {error}",
        ) from error
