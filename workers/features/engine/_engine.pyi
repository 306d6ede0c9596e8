from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

SOURCES: str

def intensity_names() -> list[str]: ...
def shape_names() -> list[str]: ...
def intensity(
    image: NDArray[np.float64],
    mask: NDArray[np.uint8],
    spacing: Sequence[float],
    bin_width: float,
    within_slices: bool,
    wanted: Sequence[bool],
) -> list[float]: ...
def shape(mask: NDArray[np.uint8], spacing: Sequence[float]) -> list[float]: ...
