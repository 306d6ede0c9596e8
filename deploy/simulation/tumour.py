"""The simulated tumour: an irregular border, and uptake that depends on the inflammation and on chance."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from deploy.simulation.anatomy import Anatomy, PhantomGrid
from workers.features.smooth_noise import FloatArray, smooth_noise


@dataclass(frozen=True)
class TumourTraits:
    """The appearance of the inside and the rim of a tumour. Each trait depends on the inflammation and on chance."""

    mottle: float
    """Relative amplitude of the uptake's variation inside."""
    mottle_mm: float
    """How far apart lighter and darker parts lie."""
    rim: float
    """How much more the border takes up than the centre."""
    halo: float
    """Uptake of the tissue around, relative to the tumour's."""
    irregularity: float
    """Of the border, as a share of the radius."""
    uptake: float
    """Relative to the average tumour."""


def draw_traits(rng: np.random.Generator, inflammation: float) -> TumourTraits:
    """Return the traits of a tumour with this inflammation (0: immune desert, 1: inflamed)."""
    chance = rng.standard_normal(6)
    return TumourTraits(
        mottle=float(np.clip(0.50 - 0.38 * inflammation + 0.04 * chance[0], 0.05, 0.6)),
        mottle_mm=float(np.clip(7.0 - 3.8 * inflammation + 0.7 * chance[1], 2.5, 9.0)),
        rim=float(np.clip(0.75 - 0.72 * inflammation + 0.10 * chance[2], 0.0, 0.9)),
        halo=float(np.clip(0.02 + 0.48 * inflammation + 0.05 * chance[3], 0.0, 0.6)),
        irregularity=float(np.clip(0.20 + 0.05 * chance[4], 0.08, 0.35)),
        uptake=float(np.clip(1.0 + 0.18 * chance[5], 0.6, 1.5)),
    )


@dataclass(frozen=True)
class Tumour:
    """The position and the contrast uptake of the tumour."""

    mask: NDArray[np.bool_]
    share: FloatArray
    """Of each voxel that is tumour, with a soft border."""
    uptake: FloatArray
    """Enhancement relative to an average tumour: inside, and as a fading halo outside."""


def grow_tumour(
    rng: np.random.Generator, grid: PhantomGrid, anatomy: Anatomy, diameter_mm: float, traits: TumourTraits
) -> Tumour:
    """Return a tumour of about this diameter somewhere in the breast."""
    distance = _border_distance(rng, grid, _centre(rng, grid, anatomy, diameter_mm), diameter_mm, traits.irregularity)
    mask = _largest_part(distance < 0)
    radius = diameter_mm / 2
    core = np.clip(-distance / radius, 0, 1)
    mottle = traits.mottle * smooth_noise(rng, grid.shape, grid.spacing_mm, traits.mottle_mm)
    inside = traits.uptake * np.clip(1 + mottle + traits.rim * (0.5 - 1.6 * core), 0.1, None)
    patches = np.clip(1 + 0.5 * smooth_noise(rng, grid.shape, grid.spacing_mm, 5.0), 0, None)
    halo = traits.uptake * traits.halo * patches * np.exp(-np.clip(distance, 0, None) / 2.5) * anatomy.breast
    share = np.clip(0.5 - distance / 1.2, 0, 1).astype(np.float32)
    return Tumour(mask, share, (share * inside + (1 - share) * halo).astype(np.float32))


def _largest_part(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the largest connected part of a mask: what a radiologist would outline."""
    labels, _ = ndimage.label(mask)
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    return np.asarray(labels == int(np.argmax(sizes)))


def _centre(
    rng: np.random.Generator, grid: PhantomGrid, anatomy: Anatomy, diameter_mm: float
) -> tuple[float, float, float]:
    """Return a centre in mm that keeps the tumour and its surroundings inside the breast where there is room."""
    coarse = tuple(slice(None, None, max(1, round(3.0 / step))) for step in grid.spacing_mm)
    z, y, x = grid.axes_mm()
    room = ndimage.distance_transform_edt(
        anatomy.breast[coarse], [step * part.step for step, part in zip(grid.spacing_mm, coarse, strict=True)]
    )
    wanted = min(0.62 * diameter_mm + 3.0, 0.9 * float(room.max()))
    candidates = np.argwhere(room >= wanted)
    index = candidates[rng.integers(len(candidates))]
    return tuple(float(axis.ravel()[part][i]) for axis, part, i in zip((z, y, x), coarse, index, strict=True))  # type: ignore[return-value]


def _border_distance(
    rng: np.random.Generator,
    grid: PhantomGrid,
    centre_mm: tuple[float, float, float],
    diameter_mm: float,
    irregularity: float,
) -> FloatArray:
    """Return about the distance in mm to the tumour's border, negative inside."""
    stretch = np.exp(0.12 * rng.standard_normal(3))
    stretch /= np.prod(stretch) ** (1 / 3)
    squared = sum(
        ((axis - centre) / factor) ** 2 for axis, centre, factor in zip(grid.axes_mm(), centre_mm, stretch, strict=True)
    )
    radius = diameter_mm / 2
    bumps = smooth_noise(rng, grid.shape, grid.spacing_mm, max(0.45 * radius, 3.0))
    spicules = smooth_noise(rng, grid.shape, grid.spacing_mm, max(0.2 * radius, 2.0))
    border = radius * (1 + irregularity * (0.8 * bumps + 0.35 * spicules))
    distance: FloatArray = (np.sqrt(squared) - border).astype(np.float32)
    return distance
