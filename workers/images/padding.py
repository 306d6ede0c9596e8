"""Padding: pixels that were added around the image and hold no image data (PS3.3 section C.7.5.1.1.2)."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from workers.images.attributes import integer
from workers.images.frames import Frame


def padding_of(stored: NDArray[np.generic], frames: Sequence[Frame]) -> NDArray[np.bool_] | None:
    """Return the mask of padded voxels (z, y, x) among stored values; None where no voxel or every voxel is padding.

    Pixel Padding Value and Pixel Padding Range Limit are stored values, before rescaling; the range includes both.
    """
    padding: NDArray[np.bool_] | None = None
    for at, frame in enumerate(frames):
        limits = _limits(frame)
        if limits is None:
            continue
        if padding is None:
            padding = np.zeros(stored.shape, dtype=np.bool_)
        padding[at] = (stored[at] >= limits[0]) & (stored[at] <= limits[1])
    return padding if padding is not None and padding.any() and not padding.all() else None


def _limits(frame: Frame) -> tuple[int, int] | None:
    """Return the lowest and the highest padding value.

    Their value representation is that of the pixel data; read without conversion, a negative value appears as unsigned.
    """
    header = frame.instance.dataset
    first = integer(header, "PixelPaddingValue")
    if first is None:
        return None
    last = integer(header, "PixelPaddingRangeLimit")
    signed = integer(header, "PixelRepresentation")
    found = [_signed(value) if signed else value for value in (first, first if last is None else last)]
    return min(found), max(found)


def _signed(value: int) -> int:
    return value - (1 << 16) if value >= 1 << 15 else value
