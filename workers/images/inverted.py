"""Images whose lowest values are the brightest: MONOCHROME1 (PS3.3 section C.7.6.3.1.2), or inverted by a program."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from model_store.signatures.acceptance import Criterion
from workers.acceptance import Objection
from workers.errors import Reason, RejectedInput
from workers.images.attributes import text
from workers.images.frames import Frame
from workers.notes import Note

INVERTED_NOTE = Note("The images are MONOCHROME1, lowest values brightest: their grey values were inverted.")

MAX_BRIGHTNESS = 0.65
"""Mean of the grey values as a share of their range. MR images have a dark background and few bright voxels: 0.07 in
br06, 0.11 in a phantom and 0.26 in the same before contrast; inverted ones 0.74 to 0.94."""

MAX_BRIGHTNESS_UPRIGHT = 0.5
"""The same of what MONOCHROME1 images become."""

SAMPLED_FROM, SAMPLED_EVERY, NEAR = 1_000_000, 4, 0.05
"""Voxels from which the mean is taken of some rows and columns only, unless that mean lies so near to the limit."""


def is_inverted(frames: Sequence[Frame]) -> bool:
    """Return whether the lowest values of the frames are displayed brightest.

    Raises
    ------
    RejectedInput
        INVALID_PIXELS where the frames differ in PhotometricInterpretation.
    """
    found = {text(frame.instance.dataset, "PhotometricInterpretation") == "MONOCHROME1" for frame in frames}
    if len(found) > 1:
        raise RejectedInput(
            Reason.INVALID_PIXELS,
            f"series {frames[0].instance.series_uid}: expected one PhotometricInterpretation in all slices, found "
            "MONOCHROME1 and MONOCHROME2",
        )
    return found == {True}


def upright(
    array: NDArray[np.generic], padding: NDArray[np.bool_] | None, frames: Sequence[Frame]
) -> NDArray[np.generic]:
    """Return the grey values (z, y, x) of MONOCHROME1 images inverted: bright is high, the highest value becomes 0.

    Raises
    ------
    RejectedInput
        INVALID_PIXELS where that makes most of the image bright. MR images are mostly dark: the values are then those
        of MONOCHROME2 images under a wrong PhotometricInterpretation.
    """
    wide = array if array.dtype.kind == "f" else array.astype(np.int64)
    values = np.asarray(wide.max() - wide)
    if _brightness(values, padding, MAX_BRIGHTNESS_UPRIGHT) > MAX_BRIGHTNESS_UPRIGHT:
        raise RejectedInput(
            Reason.INVALID_PIXELS,
            f"series {frames[0].instance.series_uid}: its PhotometricInterpretation is MONOCHROME1, by which most of "
            "the image is bright; expected the dark background of an MR image: send the original images",
        )
    return values


def inversion_objections(
    array: NDArray[np.generic],
    padding: NDArray[np.bool_] | None,
    sop_instance_uid: str,
    limits: tuple[float, float] | None = None,
) -> Iterator[Objection]:
    """Yield an objection where nearly all of a volume (z, y, x) is bright; the UID is that of one of its images.

    ``limits`` are the lowest and the highest grey value outside of padding, where they are known.
    """
    if (brightness := _brightness(array, padding, MAX_BRIGHTNESS, limits)) > MAX_BRIGHTNESS:
        yield Objection(
            Criterion.DERIVATION,
            f"image {sop_instance_uid}: the mean of its grey values lies at {brightness:.0%} of their range; expected "
            "the dark background of an MR image: its grey values may be inverted: send the original images",
        )


def _brightness(
    array: NDArray[np.generic],
    padding: NDArray[np.bool_] | None,
    limit: float,
    limits: tuple[float, float] | None = None,
) -> float:
    """Return the mean of the grey values (z, y, x) as a share of their range.

    Of a large array, that of a sample, where it is clear on which side of the limit the mean of all lies.
    """
    shown = array if padding is None else array[~padding]
    low, high = limits or (float(shown.min()), float(shown.max()))
    if high <= low:
        return 0.0
    if padding is None and array.size >= SAMPLED_FROM:
        sampled = (float(array[:, ::SAMPLED_EVERY, ::SAMPLED_EVERY].mean()) - low) / (high - low)
        if abs(sampled - limit) > NEAR:
            return sampled
    return (float(shown.mean()) - low) / (high - low)
