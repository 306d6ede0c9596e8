"""Pixels of a Segmentation: packed bits, fractions and labels, uncompressed or compressed."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from workers.errors import Reason, RejectedInput
from workers.images.attributes import integer, text
from workers.images.compressed_pixels import UndecodablePixels, decode_pixels
from workers.images.headers import Instance, file_bytes_after, frame_count
from workers.images.pixels import IN_PLACE_SYNTAXES

FRACTION = 0.5
"""Of MaximumFractionalValue: from here on a voxel belongs to the segment."""


def read_segment_frames(instance: Instance, frames: Sequence[int]) -> list[NDArray[np.generic]]:
    """Return the frames (0 is the first): masks of BINARY and FRACTIONAL, segment numbers of LABELMAP.

    Raises
    ------
    RejectedInput
        UNREADABLE_PIXELS where pixel data is missing, truncated or damaged.
    """
    in_place = instance.transfer_syntax in IN_PLACE_SYNTAXES and instance.pixels is not None
    stored = _read_in_place(instance, frames) if in_place else _decode(instance, frames)
    if text(instance.dataset, "SegmentationType") != "FRACTIONAL":
        return stored
    maximum = integer(instance.dataset, "MaximumFractionalValue") or 255
    return [frame.astype(np.float64) >= FRACTION * maximum for frame in stored]


def _read_in_place(instance: Instance, frames: Sequence[int]) -> list[NDArray[np.generic]]:
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
    packed = np.memmap(instance.path, np.uint8, "r", offset, (expected,))
    return [_unpacked(packed, at * size, size).reshape(rows, columns) for at in frames]


def _unpacked(packed: NDArray[np.uint8], start: int, count: int) -> NDArray[np.bool_]:
    """Take ``count`` bits; a frame need not begin at a byte (PS3.5 section 8.1.1)."""
    first, last = start // 8, (start + count + 7) // 8
    bits = np.unpackbits(packed[first:last], bitorder="little")
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
