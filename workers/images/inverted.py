"""MONOCHROME1: images whose lowest values are the brightest (PS3.3 section C.7.6.3.1.2)."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from workers.errors import Reason, RejectedInput
from workers.images.attributes import text
from workers.images.frames import Frame
from workers.notes import Note

INVERTED_NOTE = Note("The images are MONOCHROME1, lowest values brightest: their grey values were inverted.")


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
    shown = values if padding is None else values[~padding]
    if float(shown.mean()) > (float(shown.min()) + float(shown.max())) / 2:
        raise RejectedInput(
            Reason.INVALID_PIXELS,
            f"series {frames[0].instance.series_uid}: its PhotometricInterpretation is MONOCHROME1, by which most of "
            "the image is bright; expected the dark background of an MR image: send the original images",
        )
    return values
