"""Padding: pixels that were added around the image and hold no image data (PS3.3 section C.7.5.1.1.2)."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from workers.images.attributes import integer, optional_stored_values, text
from workers.images.frames import Frame
from workers.notes import Note

VALUE, LIMIT = "PixelPaddingValue", "PixelPaddingRangeLimit"


def padding_of(stored: NDArray[np.generic], frames: Sequence[Frame]) -> NDArray[np.bool_] | None:
    """Return the mask of padded voxels (z, y, x) among stored values; None where no voxel or every voxel is padding.

    Pixel Padding Value and Pixel Padding Range Limit are stored values, before rescaling; the range includes both.
    """
    padding: NDArray[np.bool_] | None = None
    for at, frame in enumerate(frames):
        for lowest, highest in _ranges(frame):
            if padding is None:
                padding = np.zeros(stored.shape, dtype=np.bool_)
            padding[at] |= (stored[at] >= lowest) & (stored[at] <= highest)
    return padding if padding is not None and padding.any() and not padding.all() else None


def unread_padding_notes(frames: Sequence[Frame]) -> Iterator[Note]:
    """Yield a note if the padding value of images is not an integer."""
    headers = [frame.instance.dataset for frame in frames]
    count = sum(bool(text(header, VALUE)) and not optional_stored_values(header, VALUE) for header in headers)
    if count:
        yield Note(f"{VALUE} of {count} of {len(frames)} images is not an integer, and was treated as absent.")


def _ranges(frame: Frame) -> list[tuple[int, int]]:
    """Return the lowest and the highest value of each range of padding values."""
    header = frame.instance.dataset
    is_signed = bool(integer(header, "PixelRepresentation"))
    values = [_in_sign(value, is_signed=is_signed) for value in optional_stored_values(header, VALUE)]
    limits = [_in_sign(value, is_signed=is_signed) for value in optional_stored_values(header, LIMIT)]
    if values and limits:
        return [(min(values[0], limits[0]), max(values[0], limits[0]))]
    return [(value, value) for value in values]


def _in_sign(value: int, *, is_signed: bool) -> int:
    """Return a value of 16 bits in the sign of the pixels, whichever sign it was written in."""
    if is_signed and 1 << 15 <= value < 1 << 16:
        return value - (1 << 16)
    return value + (1 << 16) if not is_signed and -(1 << 15) <= value < 0 else value
