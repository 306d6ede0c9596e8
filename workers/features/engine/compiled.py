"""radtme's own engine, in C++ (``source/``), compiled at installation (hatch_build.py).

Its values are those of pyradiomics 3.0.1 to 1e-6 and better, because grey levels, directions and sums are defined in
the same way; only the order of summation differs. It is faster because the grey levels of an image are found once, each
direction is walked once, and no matrix of all grey levels is kept for all directions.
"""

import math
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workers.errors import Reason, RejectedInput
from workers.features.engine.feature_engine import INTENSITY_CLASSES, Discretisation, Outcomes

try:
    from workers.features.engine import _engine
except ImportError as error:
    raise ImportError("the feature engine is not compiled for this Python: run make install") from error

SHAPE_NAMES = tuple(_engine.shape_names())
INTENSITY_NAMES = tuple(_engine.intensity_names())
"""Class and name of the features, in the order of pyradiomics."""
_NAMES_OF = {one: tuple(name for name in INTENSITY_NAMES if name.startswith(f"{one}_")) for one in INTENSITY_CLASSES}
SOURCES_DIGEST = _engine.SOURCES
"""SHA-256 of the sources that the loaded module was compiled from."""


@dataclass(frozen=True)
class CompiledEngine:
    """Features by the compiled module. A value that is not finite is NaN: the feature has no value."""

    def shape(self, mask: NDArray[np.bool_], spacing_mm: tuple[float, float, float]) -> Outcomes:
        """Return the 14 shape features of a mask."""
        values = _engine.shape(np.ascontiguousarray(mask, np.uint8), spacing_mm[::-1])
        return _outcomes(SHAPE_NAMES, values)

    def intensities(
        self,
        image: NDArray[np.generic],
        mask: NDArray[np.bool_],
        spacing_mm: tuple[float, float, float],
        discretisation: Discretisation,
        wanted: Collection[str] | None = None,
    ) -> Outcomes:
        """Return the features of all classes of which a feature is ``wanted``: those of a class share their matrix.

        Raises
        ------
        RejectedInput
            OVER_LIMITS where the region has more grey levels than the matrices are built for.
        """
        classes = INTENSITY_CLASSES if wanted is None else {name.split("_")[0] for name in wanted}
        try:
            values = _engine.intensity(
                np.ascontiguousarray(image, np.float64),
                np.ascontiguousarray(mask, np.uint8),
                spacing_mm[::-1],
                discretisation.bin_width,
                discretisation.within_slices,
                [one in classes for one in INTENSITY_CLASSES],
            )
        except OverflowError as error:
            raise RejectedInput(Reason.OVER_LIMITS, f"the region has {error} in one of its images") from error
        outcomes = _outcomes(INTENSITY_NAMES, values)
        return {name: outcomes[name] for one in INTENSITY_CLASSES if one in classes for name in _NAMES_OF[one]}


def _outcomes(names: tuple[str, ...], values: list[float]) -> Outcomes:
    return {name: value if math.isfinite(value) else math.nan for name, value in zip(names, values, strict=True)}
