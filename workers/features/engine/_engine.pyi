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
def longest(mask: NDArray[np.uint8]) -> float: ...
def smooth(
    values: NDArray[np.float32] | NDArray[np.float64], weights: Sequence[float], wanted: NDArray[np.uint8] | None
) -> None: ...
def brightest_at(
    values: NDArray[np.float64], reach: int, voxels: NDArray[np.int64], found: NDArray[np.float64]
) -> None: ...
def raise_near(
    raised: NDArray[np.float64], values: NDArray[np.float64], voxels: NDArray[np.int64], reach: int
) -> None: ...
def grow(mask: NDArray[np.uint8], allowed: NDArray[np.uint8] | None, steps: int, diagonally: bool) -> None: ...
def squared_distances(
    mask: NDArray[np.uint8], squares: NDArray[np.float64], spacing: tuple[float, float, float], reach: float
) -> None: ...
def transform(
    values: NDArray[np.float64], matrix: Sequence[float], offset: Sequence[float], moved: NDArray[np.float64]
) -> None: ...
def lower(
    values: NDArray[np.float64],
    voxels: NDArray[np.int64],
    depths: NDArray[np.float64],
    steps: Sequence[int],
    reaches: Sequence[float],
) -> None: ...
