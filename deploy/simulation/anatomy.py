"""The tissues of a simulated breast, and their uptake of contrast agent.

The picture is that of a sagittal, fat-suppressed T1-weighted gradient echo of one breast. All arrays have the axes
``z, y, x`` of the image: slices from left to right of the patient, rows from head to feet, columns from front to back.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from workers.features.smooth_noise import FloatArray, smooth_noise


@dataclass(frozen=True)
class PhantomGrid:
    """The voxel grid. Axes are ``z, y, x`` of the image; positions in mm from the centre of the first voxel."""

    shape: tuple[int, int, int]
    spacing_mm: tuple[float, float, float]

    @property
    def extent_mm(self) -> tuple[float, float, float]:
        """The size of the field of view."""
        z, y, x = (size * step for size, step in zip(self.shape, self.spacing_mm, strict=True))
        return z, y, x

    def axes_mm(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return the three axes, shaped so that they broadcast to the grid."""
        z, y, x = (
            np.arange(size, dtype=np.float32) * np.float32(step)
            for size, step in zip(self.shape, self.spacing_mm, strict=True)
        )
        return z[:, None, None], y[None, :, None], x[None, None, :]


@dataclass(frozen=True)
class Tissue:
    """Signal before contrast, and the curve ``uptake * (1 - exp(-t / rise)) * exp(-washout * t)`` after it."""

    signal: float
    uptake: float
    rise_seconds: float = 60.0
    washout_per_second: float = 0.0

    def enhancement(self, seconds: float) -> float:
        """Return the relative increase of the signal this long after the injection."""
        return float(
            self.uptake * (1 - np.exp(-seconds / self.rise_seconds)) * np.exp(-self.washout_per_second * seconds)
        )


LUNG = Tissue(25, 0.4, 20)
FAT = Tissue(85, 0.05)
GLAND = Tissue(210, 0.30, 180)
MUSCLE = Tissue(190, 0.15, 90)
BONE = Tissue(60, 0.10)
SKIN = Tissue(170, 0.25, 120)
VESSEL = Tissue(150, 2.6, 20, 0.0012)
TUMOUR = Tissue(200, 1.9, 45, 0.0010)


@dataclass(frozen=True)
class Anatomy:
    """Share of each tissue in each voxel, and the breast's inside as a depth below the skin in mm."""

    shares: tuple[tuple[Tissue, FloatArray], ...]
    depth_mm: FloatArray
    breast: NDArray[np.bool_]
    """Below the skin, in front of the chest wall."""


def _soft(distance_mm: NDArray[np.floating], width_mm: float) -> FloatArray:
    """Return 1 well inside (negative distance), 0 well outside, and a ramp of this width between."""
    inside: FloatArray = np.clip(0.5 - distance_mm / np.float32(width_mm), 0, 1).astype(np.float32)
    return inside


def grow_breast(rng: np.random.Generator, grid: PhantomGrid) -> Anatomy:
    """Return a breast on a chest wall: skin, fat with septa, glandular tissue, muscle, ribs, lung and vessels."""
    shape, spacing = grid.shape, grid.spacing_mm
    z, y, x = grid.axes_mm()
    width, height, depth = grid.extent_mm
    wall = depth * 0.70 + 0.0022 * (z - width * 0.45) ** 2 + 0.0012 * (y - height / 2) ** 2
    wall = (wall + 1.5 * smooth_noise(rng, shape, spacing, 40.0)[:, :, :1]).astype(np.float32)
    half_z, half_y = min(width * 0.46, 70.0), min(height * 0.43, 85.0)
    half_x = min(depth * 0.62, 110.0)
    half_x *= rng.uniform(0.88, 1.0)
    centre_z, centre_y = width * rng.uniform(0.47, 0.53), height * rng.uniform(0.49, 0.54)
    lateral = (np.abs((z - centre_z) / half_z) ** 2.3 + np.abs((y - centre_y) / half_y) ** 2.2).astype(np.float32)
    reach = half_x * np.sqrt(np.clip(1 - lateral, 0, 1))
    nipple = 6.0 * np.exp(-((z - centre_z) ** 2 + (y - centre_y) ** 2) / 30.0)
    front = wall - np.maximum(reach + nipple, 13.0 + 2.0 * np.exp(-((lateral - 1) ** 2)))
    front = ndimage.gaussian_filter(front[:, :, 0], [4.0 / step for step in spacing[:2]])[:, :, None]
    # The front is known along x; the nearest way out is shorter by the slope of the surface.
    slope = np.hypot(*np.gradient(front[:, :, 0], *spacing[:2]))[:, :, None]
    below = (x - front + 0.6 * smooth_noise(rng, shape, spacing, 25.0)).astype(np.float32)
    depth_mm = (below / np.sqrt(1 + slope**2)).astype(np.float32)
    to_wall = (x - wall).astype(np.float32)

    body = _soft(-depth_mm, 0.8)
    skin = body * _soft(depth_mm - 1.8, 0.8)
    muscle = body * _soft(-to_wall, 1.0)
    thorax = _soft(-(to_wall - 11.0 - 1.0 * smooth_noise(rng, shape, spacing, 20.0)), 1.0) * muscle
    ribs = thorax * _soft(((y + 0.35 * z) % 27.0 - 13.5) ** 2 / 6.0 + (to_wall - 17.0) ** 2 / 5.0 - 5.0, 2.0)
    lung = thorax * _soft(-(to_wall - 23.0), 2.0)
    inside = body * (1 - skin) * (1 - muscle)
    gland = inside * _glandular_share(rng, grid, (centre_z, centre_y), depth_mm, to_wall, half_x)
    vessels = body * (1 - skin) * (1 - muscle) * _vessel_share(rng, grid, (depth_mm > 4.0) & (to_wall < -3.0))
    vessels += lung * _soft(2.3 - smooth_noise(rng, shape, spacing, 5.0), 0.6) * 0.6
    marrow = ribs * _soft(np.abs(to_wall - 17.0) - 1.6, 1.5)
    shares = {
        SKIN: skin,
        MUSCLE: muscle - thorax + (thorax - lung - ribs).clip(0),
        BONE: ribs - marrow,
        LUNG: lung,
        GLAND: gland,
        FAT: inside - gland + marrow,
    }
    rest = 1 - vessels.clip(0, 1)
    placed = tuple((tissue, (share * rest).astype(np.float32)) for tissue, share in shares.items())
    return Anatomy((*placed, (VESSEL, vessels)), depth_mm, (depth_mm > 2.2) & (to_wall < -1.0))


def _glandular_share(
    rng: np.random.Generator,
    grid: PhantomGrid,
    centre_mm: tuple[float, float],
    depth_mm: FloatArray,
    to_wall: FloatArray,
    reach_mm: float,
) -> FloatArray:
    """Return how much of each voxel is glandular: lobes that fan out from the nipple, and thin septa in the fat."""
    z, y, _ = grid.axes_mm()
    behind_nipple = (to_wall + reach_mm).clip(0)
    radius = np.sqrt((z - centre_mm[0]) ** 2 + (y - centre_mm[1]) ** 2)
    cone = radius / (5.0 + 0.62 * behind_nipple) + 1.1 * (behind_nipple / reach_mm) ** 3
    lobes = smooth_noise(rng, grid.shape, grid.spacing_mm, 11.0)
    strands = smooth_noise(rng, grid.shape, grid.spacing_mm, 4.0)
    density = rng.uniform(-0.9, 0.3)
    gland = _soft(1.5 * (cone - 0.9) - density - 0.75 * lobes - 0.40 * strands, 0.9) * _soft(6.0 - depth_mm, 3.0)
    septa = _soft(np.abs(smooth_noise(rng, grid.shape, grid.spacing_mm, 11.0)) - 0.05, 0.10)
    septa *= np.clip(smooth_noise(rng, grid.shape, grid.spacing_mm, 9.0), 0, 1)
    tissue: FloatArray = np.maximum(0.92 * gland, 0.5 * septa).astype(np.float32)
    return tissue


def _vessel_share(rng: np.random.Generator, grid: PhantomGrid, where: NDArray[np.bool_]) -> FloatArray:
    """Return how much of each voxel is blood: a few tubes that wander through the breast."""
    lit = np.zeros(grid.shape, dtype=np.float32)
    spacing = np.array(grid.spacing_mm)
    inside = np.argwhere(where)
    if len(inside) == 0:
        return lit
    for _ in range(12):
        at = inside[rng.integers(len(inside))] * spacing
        heading = rng.standard_normal(3) * (0.5, 1.0, 1.0)
        for turn in rng.standard_normal((300, 3)):
            heading = heading / np.linalg.norm(heading) + 0.12 * turn
            at = at + 0.5 * heading / np.linalg.norm(heading)
            index = tuple(np.round(at / spacing).astype(int))
            if any(not 0 <= i < size for i, size in zip(index, grid.shape, strict=True)) or not where[index]:
                break
            lit[index] = 1.0
    spread = ndimage.gaussian_filter(lit, [0.7 / step for step in spacing], truncate=3)
    vessels: FloatArray = np.clip(1.8 * spread / max(float(spread.max()), 1e-6), 0, 0.9).astype(np.float32)
    return vessels
