"""A digest of the images that a case was measured on, to know them again under another pseudonym."""

import hashlib

import numpy as np

from workers.images.volume import Volume


def pixel_digest(volume: Volume) -> str:
    """Return the SHA-256 of a phase's grey values (z, y, x) as 32-bit floats, with its shape; headers do not count."""
    digest = hashlib.sha256(str(volume.array.shape).encode())
    for plane in volume.array:
        digest.update(np.ascontiguousarray(plane, dtype="<f4").tobytes())
    return digest.hexdigest()
