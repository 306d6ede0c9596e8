"""What an engine does: features of one region on one image, by class and name as pyradiomics gives them."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

SHAPE = "shape"
INTENSITY_CLASSES = ("firstorder", "glcm", "gldm", "glrlm", "glszm", "ngtdm")


@dataclass(frozen=True)
class NotComputable:
    """Takes the place of the value of a feature whose computation failed."""

    error: str
    """Name of the exception's type."""


Outcomes = dict[str, float | NotComputable]
"""Value or failure of each feature, by class and name, such as ``glcm_Contrast``; NaN: the feature has no value."""


@dataclass(frozen=True)
class Discretisation:
    """How the values of an image become grey levels, and between which voxels texture is measured."""

    bin_width: float
    within_slices: bool = False
    """Texture is measured within slices only (pyradiomics' ``force2D``, along z)."""


class FeatureEngine(Protocol):
    """Measures a region. Arrays are (z, y, x) and cropped to the region's bounding box, spacing is (x, y, z) in mm."""

    def shape(self, mask: NDArray[np.bool_], spacing_mm: tuple[float, float, float]) -> Outcomes:
        """Return the 14 shape features of a mask."""

    def intensities(
        self,
        image: NDArray[np.generic],
        mask: NDArray[np.bool_],
        spacing_mm: tuple[float, float, float],
        discretisation: Discretisation,
        wanted: Collection[str] | None = None,
    ) -> Outcomes:
        """Return the first-order and texture features; at least those ``wanted``, all 93 where none are named."""
