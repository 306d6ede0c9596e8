"""Features of a region by pyradiomics 3.0.1: 14 of shape, and 18 first-order and 75 texture features of five images."""

import logging
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import radiomics
import SimpleITK as sitk
from numpy.typing import NDArray

from model_store.signatures.profile import FEATURES_PER_REGION, FeatureProfile
from workers.features.filters import FilteredImage, as_sitk, filtered_images, image_names
from workers.features.regions import Region, RegionMeasurement
from workers.features.resampling import Box, Resampled, box_of

SHAPE = "shape"
INTENSITY_CLASSES = ("firstorder", "glcm", "gldm", "glrlm", "glszm", "ngtdm")
IMAGINARY_ROUNDING = 1e-9
"""Largest imaginary part, as a share of the value, that still counts as rounding."""

NO_VALUE = (ArithmeticError, ValueError, IndexError, np.linalg.LinAlgError)
"""Raised by arithmetic where a feature has no value; any other exception is a defect, or the task's time limit."""


@dataclass(frozen=True)
class NotComputable:
    """Takes the place of the value of a feature whose computation failed."""

    error: str
    """Name of the exception's type."""


Outcomes = dict[str, float | NotComputable]
"""Value or failure of each feature, by pyradiomics name."""


@cache
def feature_names(profile: FeatureProfile) -> tuple[str, ...]:
    """Return the pyradiomics names of the features of one region, in a fixed order."""
    names = [f"original_{SHAPE}_{name}" for name in _names_of_class(SHAPE)]
    for image in image_names(profile):
        for feature_class in INTENSITY_CLASSES:
            names.extend(f"{image}_{feature_class}_{name}" for name in _names_of_class(feature_class))
    if len(names) != FEATURES_PER_REGION:
        raise AssertionError(f"profile {profile.name}: expected {FEATURES_PER_REGION} features, found {len(names)}")
    return tuple(names)


@cache
def columns(profile: FeatureProfile) -> tuple[str, ...]:
    """Return the columns of a feature table, named by region and feature, those of the tumour first."""
    return tuple(f"{region}_{name}" for region in Region for name in feature_names(profile))


def measure_regions(
    resampled: Resampled, masks: Mapping[Region, NDArray[np.bool_]], profile: FeatureProfile
) -> tuple[RegionMeasurement, ...]:
    """Measure regions (masks on the resampled crop); each filter runs once for all regions.

    A feature that cannot be computed is left out and listed in ``missing`` with the reason.
    """
    _silence()
    spacing_mm = (profile.spacing_mm,) * 3
    boxes = {region: box_of(mask) for region, mask in masks.items()}
    found = {region: _shape(mask[boxes[region]], spacing_mm) for region, mask in masks.items()}
    together = box_of(np.logical_or.reduce(list(masks.values())))
    for filtered in filtered_images(resampled, together, profile):
        for region, mask in masks.items():
            part = filtered.array[_shifted(boxes[region], filtered.start)]
            own = mask[boxes[region]]
            found[region] |= _intensities(part, own, spacing_mm, filtered.name, filtered.settings)
    return tuple(_measurement(region, resampled.image, mask, found[region], profile) for region, mask in masks.items())


def measure_columns(
    resampled: Resampled,
    outlines: Sequence[Mapping[Region, NDArray[np.bool_]]],
    profile: FeatureProfile,
    wanted: Collection[str],
) -> tuple[dict[str, float], ...]:
    """Measure some columns of several outlines (masks on the resampled crop); NaN where a feature has no value.

    Only the filters and features that the columns need are computed, and each filter once for all outlines.
    """
    _silence()
    spacing_mm = (profile.spacing_mm,) * 3
    found: tuple[dict[str, float], ...] = tuple({} for _ in outlines)
    for values, masks in zip(found, outlines, strict=True):
        for region, mask in masks.items():
            if names := _wanted(wanted, region, "original", SHAPE):
                own = as_sitk(mask[box_of(mask)].astype(np.uint8), *spacing_mm)
                values |= _columns(region, _outcomes(SHAPE, "original", own, own, {}, names))
    together = box_of(np.logical_or.reduce([mask for masks in outlines for mask in masks.values()]))
    images = {name for name in image_names(profile) if any(f"_{name}_" in column for column in wanted)}
    for filtered in filtered_images(resampled, together, profile, images):
        for values, masks in zip(found, outlines, strict=True):
            for region, mask in masks.items():
                values |= _columns(region, _wanted_intensities(filtered, mask, spacing_mm, region, wanted))
    return found


def wanted_classes(wanted: Collection[str], region: Region, profile: FeatureProfile) -> tuple[int, int]:
    """Return the numbers of feature classes to measure in a region: of shape, and of intensities over all images."""
    shape = bool(_wanted(wanted, region, "original", SHAPE))
    names = ((image, one) for image in image_names(profile) for one in INTENSITY_CLASSES)
    return int(shape), sum(bool(_wanted(wanted, region, *one)) for one in names)


def _wanted_intensities(
    filtered: FilteredImage,
    mask: NDArray[np.bool_],
    spacing_mm: tuple[float, float, float],
    region: Region,
    wanted: Collection[str],
) -> Outcomes:
    classes = {name: _wanted(wanted, region, filtered.name, name) for name in INTENSITY_CLASSES}
    if not any(classes.values()):
        return {}
    box = box_of(mask)
    part = as_sitk(filtered.array[_shifted(box, filtered.start)], *spacing_mm)
    own = as_sitk(mask[box].astype(np.uint8), *spacing_mm)
    outcomes: Outcomes = {}
    for feature_class, names in classes.items():
        if names:
            outcomes |= _outcomes(feature_class, filtered.name, part, own, filtered.settings, names)
    return outcomes


def _wanted(wanted: Collection[str], region: Region, image_name: str, feature_class: str) -> tuple[str, ...]:
    """Return the features of a class whose columns are wanted."""
    begin = f"{region}_{image_name}_{feature_class}_"
    return tuple(name for name in _names_of_class(feature_class) if begin + name in wanted)


def _columns(region: Region, outcomes: Outcomes) -> dict[str, float]:
    return {f"{region}_{name}": value for name, value in _values(outcomes).items()}


def shape_features(mask: NDArray[np.bool_], spacing_mm: tuple[float, float, float]) -> dict[str, float]:
    """Return the shape features of a mask (z, y, x; spacing x, y, z), by pyradiomics name."""
    return _values(_shape(mask, spacing_mm))


def intensity_features(
    image: NDArray[np.generic],
    mask: NDArray[np.bool_],
    spacing_mm: tuple[float, float, float],
    image_name: str,
    settings: Mapping[str, Any],
) -> dict[str, float]:
    """Return the first-order and texture features of a region, by pyradiomics name; NaN where a feature has no value.

    Image and mask (z, y, x; spacing x, y, z) are cropped to the region's bounding box, as in pyradiomics.
    """
    return _values(_intensities(image, mask, spacing_mm, image_name, settings))


def grey_levels(values: NDArray[np.float64], bin_width: float) -> int:
    """Return how many bins the values of a region occupy."""
    return len(np.unique(np.floor(values / bin_width)))


def _shifted(box: Box, start: tuple[int, int, int]) -> Box:
    z, y, x = (slice(part.start - by, part.stop - by) for part, by in zip(box, start, strict=True))
    return z, y, x


def _silence() -> None:
    """Silence pyradiomics' log messages about single features: the result lists missing ones."""
    logging.getLogger("radiomics").setLevel(logging.CRITICAL + 1)


@cache
def _names_of_class(feature_class: str) -> tuple[str, ...]:
    names = radiomics.getFeatureClasses()[feature_class].getFeatureNames()
    return tuple(name for name, is_deprecated in names.items() if not is_deprecated)


def _shape(mask: NDArray[np.bool_], spacing_mm: tuple[float, float, float]) -> Outcomes:
    own = as_sitk(mask.astype(np.uint8), *spacing_mm)
    return _outcomes(SHAPE, "original", own, own, {})


def _intensities(
    image: NDArray[np.generic],
    mask: NDArray[np.bool_],
    spacing_mm: tuple[float, float, float],
    image_name: str,
    settings: Mapping[str, Any],
) -> Outcomes:
    part, own = as_sitk(image, *spacing_mm), as_sitk(mask.astype(np.uint8), *spacing_mm)
    outcomes: Outcomes = {}
    for feature_class in INTENSITY_CLASSES:
        outcomes |= _outcomes(feature_class, image_name, part, own, settings)
    return outcomes


def _outcomes(
    feature_class: str,
    image_name: str,
    image: sitk.Image,
    mask: sitk.Image,
    settings: Mapping[str, Any],
    names: Sequence[str] | None = None,
) -> Outcomes:
    """Return the features of a class; all of them where no ``names`` are given."""
    calculator = radiomics.getFeatureClasses()[feature_class](image, mask, **settings)
    with np.errstate(all="ignore"):
        # Not execute(): it treats any exception as a missing value, even the task's time limit.
        calculator._initCalculation()
        return {
            f"{image_name}_{feature_class}_{name}": _outcome(getattr(calculator, f"get{name}FeatureValue"))
            for name in (_names_of_class(feature_class) if names is None else names)
        }


def _outcome(compute: Callable[[], NDArray[np.generic] | complex]) -> float | NotComputable:
    try:
        return real_value(np.squeeze(compute()))
    except NO_VALUE as error:
        return NotComputable(type(error).__name__)


def _values(outcomes: Outcomes) -> dict[str, float]:
    return {name: _value(outcome) for name, outcome in outcomes.items()}


def _value(outcome: float | NotComputable | None) -> float:
    return outcome if isinstance(outcome, float) else math.nan


def real_value(value: NDArray[np.generic] | complex) -> float:
    """Return a feature's value as a real number; NaN where its imaginary part is more than rounding.

    MCC is a root of an eigenvalue of an unsymmetric matrix, which rounding can make complex.
    """
    number = complex(value)
    is_rounding = abs(number.imag) <= IMAGINARY_ROUNDING * abs(number.real)
    return number.real if is_rounding else math.nan


def _measurement(
    region: Region,
    image: NDArray[np.float64],
    mask: NDArray[np.bool_],
    found: Outcomes,
    profile: FeatureProfile,
) -> RegionMeasurement:
    levels = grey_levels(image[mask], profile.bin_width)
    voxels = int(np.count_nonzero(mask))
    names = feature_names(profile)
    features = {name: _value(found.get(name)) for name in names if math.isfinite(_value(found.get(name)))}
    size = f"on {voxels} voxels with {levels} grey levels"
    return RegionMeasurement(
        region=region,
        volume_ml=voxels * profile.spacing_mm**3 / 1000,
        voxels=voxels,
        grey_levels=levels,
        features=features,
        missing={name: _why_missing(found.get(name), size) for name in names if name not in features},
    )


def _why_missing(outcome: float | NotComputable | None, size: str) -> str:
    if outcome is None:
        return "the region is too small for this filter"
    if isinstance(outcome, NotComputable):
        return f"pyradiomics raised {outcome.error} {size}"
    return f"pyradiomics found {outcome} {size}"
