"""Random regions for the feature engines: of all shapes and textures that a measurement can meet, and stranger ones."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from workers.features.engine.feature_engine import Discretisation
from workers.images.voxels import box_of

BIN_WIDTH = 25.0


class Form(Enum):
    """The form of a region; each touches the borders of its box, as the regions of a measurement do."""

    BOX = "box"
    BALL = "ball"
    SHELL = "shell"
    SCATTERED = "scattered"
    TWO_PARTS = "two parts"


class Texture(Enum):
    """The values of a region."""

    ONE_LEVEL = "one level"
    BIN_EDGES = "multiples of the bin width"
    NOISE = "noise"
    GRADIENT = "gradient"
    RARE = "one level but for single voxels"


@dataclass(frozen=True, eq=False)
class RandomRegion:
    """Image and mask (z, y, x), cropped to the mask's box."""

    image: NDArray[np.float64]
    mask: NDArray[np.bool_]
    spacing_mm: tuple[float, float, float]
    discretisation: Discretisation

    @property
    def is_measurable(self) -> bool:
        """Whether it has two voxels, and a direction in which voxels can be neighbours: pyradiomics asks for both."""
        sizes = self.mask.shape[1:] if self.discretisation.within_slices else self.mask.shape
        return int(np.count_nonzero(self.mask)) >= 2 and max(sizes) >= 2


def random_region(seed: int, sizes: tuple[int, int, int], form: Form, texture: Texture, levels: int) -> RandomRegion:
    """Return a region of about these sizes; ``levels`` is the spread of its values, in bins."""
    rng = np.random.default_rng(seed)
    mask = _mask(rng, sizes, form)
    if not mask.any():
        mask[0, 0, 0] = True
    box = box_of(mask)
    spacing_mm = (1.0, 1.0, 1.0) if rng.random() < 0.5 else tuple(rng.uniform(0.3, 3.0, 3).tolist())
    within_slices = bool(rng.integers(2))
    return RandomRegion(
        _values(rng, sizes, texture, levels)[box], mask[box], spacing_mm, Discretisation(BIN_WIDTH, within_slices)
    )


def random_regions(count: int, seed: int, largest: int = 11) -> Iterator[RandomRegion]:
    """Yield regions of all forms and textures that can be measured."""
    rng = np.random.default_rng(seed)
    while count > 0:
        z, y, x = rng.integers(1, largest + 1, 3).tolist()
        form, texture = rng.choice(list(Form)), rng.choice(list(Texture))
        region = random_region(int(rng.integers(2**32)), (z, y, x), form, texture, int(rng.choice([1, 3, 10, 60])))
        if region.is_measurable:
            count -= 1
            yield region


def _mask(rng: np.random.Generator, sizes: tuple[int, int, int], form: Form) -> NDArray[np.bool_]:
    places = np.indices(sizes).astype(np.float64)
    middle = (np.array(sizes, dtype=np.float64) - 1)[:, None, None, None] / 2
    radius = np.sqrt((((places - middle) / (middle + 0.5)) ** 2).sum(axis=0))
    if form is Form.BOX:
        return np.ones(sizes, dtype=np.bool_)
    if form is Form.SCATTERED:
        return np.asarray(rng.random(sizes) < rng.uniform(0.1, 0.9))
    if form is Form.TWO_PARTS:
        return np.asarray(np.abs(places[2] - middle[2]) >= sizes[2] / 4)
    return np.asarray((radius <= 1) & (radius > (0.6 if form is Form.SHELL else -1)))


def _values(
    rng: np.random.Generator, sizes: tuple[int, int, int], texture: Texture, levels: int
) -> NDArray[np.float64]:
    offset = float(rng.uniform(-300, 300))
    if texture is Texture.ONE_LEVEL:
        return np.full(sizes, offset)
    if texture is Texture.BIN_EDGES:
        return rng.integers(-levels, levels + 1, sizes) * BIN_WIDTH
    if texture is Texture.GRADIENT:
        return np.asarray(offset + np.indices(sizes).sum(axis=0) * BIN_WIDTH * levels / 7)
    if texture is Texture.RARE:
        return np.where(rng.random(sizes) < 0.1, offset + BIN_WIDTH * levels, offset)
    return rng.normal(offset, levels * BIN_WIDTH / 4, sizes)
