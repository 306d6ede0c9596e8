"""pyradiomics 3.0.1 as an engine: the definition of every feature, and the reference for radtme's own engine."""

import logging
import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import radiomics
import SimpleITK as sitk
from numpy.typing import NDArray

from workers.features.engine.feature_engine import INTENSITY_CLASSES, SHAPE, Discretisation, NotComputable, Outcomes

IMAGINARY_ROUNDING = 1e-9
"""Largest imaginary part, as a share of the value, that still counts as rounding."""

NO_VALUE = (ArithmeticError, ValueError, IndexError, np.linalg.LinAlgError)
"""Raised by arithmetic where a feature has no value; any other exception is a defect, or the task's time limit."""


@dataclass(frozen=True)
class PyradiomicsEngine:
    """Features by pyradiomics' own classes, one after the other."""

    def shape(self, mask: NDArray[np.bool_], spacing_mm: tuple[float, float, float]) -> Outcomes:
        """Return the 14 shape features of a mask."""
        own = as_sitk(mask.astype(np.uint8), *spacing_mm)
        return _outcomes(SHAPE, own, own, {}, None)

    def intensities(
        self,
        image: NDArray[np.generic],
        mask: NDArray[np.bool_],
        spacing_mm: tuple[float, float, float],
        discretisation: Discretisation,
        wanted: Collection[str] | None = None,
    ) -> Outcomes:
        """Return the first-order and texture features that are ``wanted``; all 93 where none are named."""
        part, own = as_sitk(image, *spacing_mm), as_sitk(mask.astype(np.uint8), *spacing_mm)
        settings: dict[str, Any] = {"binWidth": discretisation.bin_width, "label": 1}
        if discretisation.within_slices:
            settings |= {"force2D": True, "force2Ddimension": 0}
        outcomes: Outcomes = {}
        for feature_class in INTENSITY_CLASSES:
            outcomes |= _outcomes(feature_class, part, own, settings, wanted)
        return outcomes


@cache
def names_of_class(feature_class: str) -> tuple[str, ...]:
    """Return pyradiomics' names of the features of a class, in its order, without those that it advises against."""
    names = radiomics.getFeatureClasses()[feature_class].getFeatureNames()
    return tuple(name for name, is_deprecated in names.items() if not is_deprecated)


def as_sitk(array: NDArray[Any], *spacing_mm: float) -> sitk.Image:
    """Convert an array (z, y, x) to an image; spacing along x, y, z, or one value for all axes, in mm."""
    image = sitk.GetImageFromArray(array)
    image.SetSpacing(spacing_mm * 3 if len(spacing_mm) == 1 else spacing_mm)  # type: ignore[no-untyped-call]
    return image


def _outcomes(
    feature_class: str,
    image: sitk.Image,
    mask: sitk.Image,
    settings: Mapping[str, Any],
    wanted: Collection[str] | None,
) -> Outcomes:
    names = [name for name in names_of_class(feature_class) if wanted is None or f"{feature_class}_{name}" in wanted]
    if not names:
        return {}
    # pyradiomics logs each feature without a value; the result lists them.
    logging.getLogger("radiomics").setLevel(logging.CRITICAL + 1)
    calculator = radiomics.getFeatureClasses()[feature_class](image, mask, **settings)
    if feature_class == SHAPE:
        # Of a covariance, which is symmetric: real. The general solver may return a pair near 0 as complex numbers.
        calculator.eigenValues = np.sort(np.real(calculator.eigenValues))
    with np.errstate(all="ignore"):
        # Not execute(): it treats any exception as a missing value, even the task's time limit.
        calculator._initCalculation()
        return {f"{feature_class}_{name}": _outcome(getattr(calculator, f"get{name}FeatureValue")) for name in names}


def _outcome(compute: Callable[[], NDArray[np.generic] | complex]) -> float | NotComputable:
    try:
        return real_value(np.squeeze(compute()))
    except NO_VALUE as error:
        return NotComputable(type(error).__name__)


def real_value(value: NDArray[np.generic] | complex) -> float:
    """Return a feature's value as a real number; NaN where its imaginary part is more than rounding.

    MCC is a root of an eigenvalue of an unsymmetric matrix, which rounding can make complex.
    """
    number = complex(value)
    is_rounding = abs(number.imag) <= IMAGINARY_ROUNDING * abs(number.real)
    return number.real if is_rounding else math.nan
