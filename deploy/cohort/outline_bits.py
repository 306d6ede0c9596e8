"""An outline in few bytes: enough to decide whether two of them mark the same lesion."""

import base64
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workers.images.voxels import bounds

SAME_LESION_SHARE = 0.5
"""Of the smaller of two outlines: what they share at least where they mark the same lesion."""


def packed(mask: NDArray[np.bool_]) -> dict[str, Any]:
    """Return a mask (z, y, x) as JSON-ready values."""
    box = bounds(mask)
    part = mask[tuple(slice(first, last + 1) for first, last in box)]
    bits = base64.b64encode(zlib.compress(np.packbits(part).tobytes(), 6)).decode()
    return {"start": [first for first, _ in box], "shape": list(part.shape), "grid": list(mask.shape), "bits": bits}


def unpacked(value: Mapping[str, Any]) -> NDArray[np.bool_]:
    """Return the mask that was packed."""
    size = int(np.prod(value["shape"]))
    bits = np.frombuffer(zlib.decompress(base64.b64decode(value["bits"])), np.uint8)
    mask = np.zeros(value["grid"], np.bool_)
    box = tuple(slice(a, a + n) for a, n in zip(value["start"], value["shape"], strict=True))
    mask[box] = np.unpackbits(bits, count=size).reshape(value["shape"]).astype(bool)
    return mask


def same_lesions(outlines: Sequence[Mapping[str, Any] | None]) -> list[int]:
    """Return a number for each outline of one series; those that mark the same lesion have the same one.

    An outline without a mask gets a number of its own.
    """
    lesion = list(range(len(outlines)))
    masks = [None if one is None else unpacked(one) for one in outlines]
    for at, mask in enumerate(masks):
        for before in range(at):
            if _share(mask, masks[before]) >= SAME_LESION_SHARE:
                lesion = [lesion[before] if number == lesion[at] else number for number in lesion]
                break
    return lesion


def dice(one: Mapping[str, Any], other: Mapping[str, Any]) -> float:
    """Return how much two outlines agree (Dice, Ecology 26:297, 1945)."""
    a, b = unpacked(one), unpacked(other)
    return 2 * float(np.count_nonzero(a & b)) / float(np.count_nonzero(a) + np.count_nonzero(b))


def _share(one: NDArray[np.bool_] | None, other: NDArray[np.bool_] | None) -> float:
    if one is None or other is None or one.shape != other.shape:
        return 0.0
    common = np.count_nonzero(one & other)
    return float(common) / min(np.count_nonzero(one), np.count_nonzero(other))
