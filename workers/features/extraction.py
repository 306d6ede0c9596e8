"""Features of a region: 14 of shape, and 18 first-order and 75 texture features of five images.

pyradiomics 3.0.1 defines them. radtme's own engine measures them, or pyradiomics where the configuration says so. A
sample of cases is measured by both, and a difference between the engines ends the measurement.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from model_store.signatures.kinetics import KINETIC_NAMES
from model_store.signatures.profile import FEATURES_PER_REGION, FeatureProfile
from workers.errors import EnginesDiffer
from workers.features.engine.choice import DEFAULT_ENGINE, Engine, EngineChoice
from workers.features.engine.comparison import RELATIVE_TOLERANCE, differences
from workers.features.engine.compiled import INTENSITY_NAMES, SHAPE_NAMES, CompiledEngine
from workers.features.engine.feature_engine import (
    INTENSITY_CLASSES,
    SHAPE,
    Discretisation,
    FeatureEngine,
    NotComputable,
    Outcomes,
)
from workers.features.filters import FilteredImage, filtered_images, image_names
from workers.features.regions import Region, RegionMeasurement
from workers.features.resampling import Resampled
from workers.images.voxels import Box, box_of

Masks = Mapping[Region, NDArray[np.bool_]]
"""The regions on the resampled crop (z, y, x)."""


MOST_COUNTED = 100_000
"""Bins over a wider range are sorted instead of counted."""


@cache
def feature_names(profile: FeatureProfile) -> tuple[str, ...]:
    """Return the pyradiomics names of the features of one region, in a fixed order."""
    names = [f"original_{name}" for name in SHAPE_NAMES]
    names += [f"{image}_{name}" for image in image_names(profile) for name in INTENSITY_NAMES]
    if len(names) != FEATURES_PER_REGION:
        raise AssertionError(f"profile {profile.name}: expected {FEATURES_PER_REGION} features, found {len(names)}")
    return tuple(names)


@cache
def region_features(profile: FeatureProfile, region: Region) -> tuple[str, ...]:
    """Return the names of all features of a region: the tumour of some profiles has kinetic ones too."""
    has_kinetics = profile.kinetics is not None and region is Region.TUMOUR
    return (*feature_names(profile), *(KINETIC_NAMES if has_kinetics else ()))


@cache
def columns(profile: FeatureProfile) -> tuple[str, ...]:
    """Return the columns of a feature table, named by region and feature, those of the tumour first."""
    return tuple(f"{region}_{name}" for region in Region for name in region_features(profile, region))


def measure_regions(
    resampled: Resampled, masks: Masks, profile: FeatureProfile, choice: EngineChoice = DEFAULT_ENGINE
) -> tuple[RegionMeasurement, ...]:
    """Measure regions; each filter runs once for all regions and engines.

    A feature that cannot be computed is left out and listed in ``missing`` with the reason.

    Raises
    ------
    EnginesDiffer
        Both engines measured, and their values differ.
    """
    found = _measured(resampled, masks, profile, {engine: _engine_of(engine) for engine in choice.engines})
    if choice.is_checked:
        _check_equal(found)
    return tuple(
        _measurement(region, resampled.image, mask, found[choice.engine][region], profile)
        for region, mask in masks.items()
    )


def _engine_of(engine: Engine) -> FeatureEngine:
    if engine is Engine.RADTME:
        return CompiledEngine()
    from workers.features.engine.pyradiomics import PyradiomicsEngine  # half a second to load, and seldom needed

    return PyradiomicsEngine()


def _measured(
    resampled: Resampled, masks: Masks, profile: FeatureProfile, engines: Mapping[Engine, FeatureEngine]
) -> dict[Engine, dict[Region, Outcomes]]:
    spacing_mm = (profile.spacing_mm,) * 3
    boxes = {region: box_of(mask) for region, mask in masks.items()}
    crops = {region: mask[boxes[region]] for region, mask in masks.items()}
    found = {
        name: {region: _named("original", engine.shape(crop, spacing_mm)) for region, crop in crops.items()}
        for name, engine in engines.items()
    }
    together = box_of(np.logical_or.reduce(list(masks.values())))
    for filtered in filtered_images(resampled, together, profile):
        for region, crop in crops.items():
            part = filtered.array[_shifted(boxes[region], filtered.start)]
            for name, engine in engines.items():
                outcomes = engine.intensities(part, crop, spacing_mm, filtered.discretisation)
                found[name][region] |= _named(filtered.name, outcomes)
    return found


def _check_equal(found: Mapping[Engine, Mapping[Region, Outcomes]]) -> None:
    for region in Region:
        ours, reference = (_values(found[engine].get(region, {})) for engine in Engine)
        if different := differences(ours, reference):
            first = different[0]
            raise EnginesDiffer(
                f"{len(different)} of {len(reference)} features of the {region} differ by more than "
                f"{RELATIVE_TOLERANCE:g} between radtme's feature engine and pyradiomics: {first} is "
                f"{ours.get(first)!r} and {reference.get(first)!r}; set workers.engine to pyradiomics and report this"
            )


def measure_columns(
    resampled: Resampled,
    outlines: Sequence[Masks],
    profile: FeatureProfile,
    wanted: Collection[str],
    engine: Engine = Engine.RADTME,
) -> tuple[dict[str, float], ...]:
    """Measure some columns of several outlines; NaN where a feature has no value.

    Only the filters and features that the columns need are computed, and each filter once for all outlines.
    """
    measuring, spacing_mm = _engine_of(engine), (profile.spacing_mm,) * 3
    found: tuple[dict[str, float], ...] = tuple({} for _ in outlines)
    shapes = {region: _wanted(wanted, region, "original", (SHAPE,)) for region in Region}
    for values, masks in zip(found, outlines, strict=True):
        for region, mask in masks.items():
            if names := shapes[region]:
                values |= _columns(region, "original", measuring.shape(mask[box_of(mask)], spacing_mm), names)
    together = box_of(np.logical_or.reduce([mask for masks in outlines for mask in masks.values()]))
    images = {name for name in image_names(profile) if any(f"_{name}_" in column for column in wanted)}
    for filtered in filtered_images(resampled, together, profile, images):
        intensities = {region: _wanted(wanted, region, filtered.name, INTENSITY_CLASSES) for region in Region}
        for values, masks in zip(found, outlines, strict=True):
            for region, mask in masks.items():
                if names := intensities[region]:
                    outcomes = _intensities(filtered, mask, spacing_mm, measuring, names)
                    values |= _columns(region, filtered.name, outcomes, names)
    return found


def wanted_classes(wanted: Collection[str], region: Region, profile: FeatureProfile) -> tuple[int, int]:
    """Return the numbers of feature classes to measure in a region: of shape, and of intensities over all images."""
    shape = bool(_wanted(wanted, region, "original", (SHAPE,)))
    names = ((image, one) for image in image_names(profile) for one in INTENSITY_CLASSES)
    return int(shape), sum(bool(_wanted(wanted, region, image, (one,))) for image, one in names)


def _intensities(
    filtered: FilteredImage,
    mask: NDArray[np.bool_],
    spacing_mm: tuple[float, float, float],
    engine: FeatureEngine,
    names: Collection[str],
) -> Outcomes:
    box = box_of(mask)
    part = filtered.array[_shifted(box, filtered.start)]
    return engine.intensities(part, mask[box], spacing_mm, filtered.discretisation, names)


def _wanted(wanted: Collection[str], region: Region, image_name: str, classes: Collection[str]) -> tuple[str, ...]:
    """Return the features of an image whose columns are wanted, by class and name."""
    begin = f"{region}_{image_name}_"
    names = (*SHAPE_NAMES, *INTENSITY_NAMES)
    return tuple(name for name in names if name.split("_")[0] in classes and begin + name in wanted)


def _columns(region: Region, image_name: str, outcomes: Outcomes, names: Collection[str]) -> dict[str, float]:
    return {f"{region}_{image_name}_{name}": _value(outcomes.get(name)) for name in names}


def shape_features(
    mask: NDArray[np.bool_], spacing_mm: tuple[float, float, float], engine: Engine = Engine.RADTME
) -> dict[str, float]:
    """Return the shape features of a mask (z, y, x; spacing x, y, z), by pyradiomics name."""
    return _values(_named("original", _engine_of(engine).shape(mask, spacing_mm)))


def intensity_features(
    image: NDArray[np.generic],
    mask: NDArray[np.bool_],
    spacing_mm: tuple[float, float, float],
    image_name: str,
    discretisation: Discretisation,
    engine: Engine = Engine.RADTME,
) -> dict[str, float]:
    """Return the first-order and texture features of a region, by pyradiomics name; NaN where a feature has no value.

    Image and mask (z, y, x; spacing x, y, z) are cropped to the region's bounding box, as in pyradiomics.
    """
    return _values(_named(image_name, _engine_of(engine).intensities(image, mask, spacing_mm, discretisation)))


def grey_levels(values: NDArray[np.float64], bin_width: float) -> int:
    """Return how many bins the values of a region occupy."""
    if values.size == 0:
        return 0
    bins = np.floor(values / bin_width)
    bins -= bins.min()
    if bins.max() >= MOST_COUNTED:
        return len(np.unique(bins))
    return int(np.count_nonzero(np.bincount(bins.astype(np.intp))))


def _shifted(box: Box, start: tuple[int, int, int]) -> Box:
    z, y, x = (slice(part.start - by, part.stop - by) for part, by in zip(box, start, strict=True))
    return z, y, x


def _named(image_name: str, outcomes: Outcomes) -> Outcomes:
    return {f"{image_name}_{name}": outcome for name, outcome in outcomes.items()}


def _values(outcomes: Outcomes) -> dict[str, float]:
    return {name: _value(outcome) for name, outcome in outcomes.items()}


def _value(outcome: float | NotComputable | None) -> float:
    return outcome if isinstance(outcome, float) else math.nan


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
    return f"the feature has no value {size}"
