"""Where the body ends: air around the breast does not belong in the ring."""

import numpy as np
from numpy.typing import NDArray

from model_store.profile import FeatureProfile
from workers.preprocess import Resampled
from workers.volume import Volume


def air_around(volume: Volume, resampled: Resampled, profile: FeatureProfile) -> NDArray[np.bool_]:
    """Return the air outside the body, on the resampled crop (z, y, x)."""
    return np.zeros(resampled.tumour.shape, dtype=np.bool_)
