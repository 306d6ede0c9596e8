"""Comparison of the values of two engines, which sum in different orders: a difference beyond rounding is a defect."""

import math
from collections.abc import Mapping

RELATIVE_TOLERANCE = 1e-6
"""Relative to the value."""
ROUNDING = 1e-10
"""Relative to the terms of which a feature is the difference: it may be near 0, and rounding is as large as the terms
make it."""
NOISE = 1e-14
"""Rounding of a few terms of about 1. An entropy of 0 is such a number: -3.2e-16 in one engine and -2.1e-16
in the other."""
DIFFERENCES = ("firstorder_Skewness", "glcm_Correlation", "glcm_Imc1")
"""Features that are differences of terms of about 1."""
GREY_VALUES = ("10Percentile", "90Percentile", "Maximum", "Mean", "Median", "Minimum")
DEVIATIONS = ("MeanAbsoluteDeviation", "RobustMeanAbsoluteDeviation")
"""Those of grey values are relative to their range."""
ROOTS = ("shape_Elongation", "shape_Flatness")
"""Square roots of such differences: rounding of 1e-14 becomes 1e-7. The largest value is 1."""
MEANS_OF_ROOTS = ("Imc2", "MCC")
MAX_DIRECTIONS = 13
"""Half of the 26 neighbours of a voxel."""
AXES = ("LeastAxisLength", "MinorAxisLength")
"""Roots of eigenvalues, whose rounding is relative to the largest one."""
MOMENTS = ("Kurtosis", "MeanAbsoluteDeviation", "RobustMeanAbsoluteDeviation", "Skewness", "Variance")
"""In a region of one grey value, what pyradiomics returns for these is the rounding of the mean, of any size."""


def differences(found: Mapping[str, float], expected: Mapping[str, float]) -> list[str]:
    """Return the features with different values, by name such as ``original_glcm_Contrast``; NaN: no value."""
    return [name for name in sorted(found.keys() | expected.keys()) if not _is_equal(name, found, expected)]


def _is_equal(name: str, found: Mapping[str, float], expected: Mapping[str, float]) -> bool:
    image, feature_class, feature = name.split("_")
    one, other = found.get(name, math.nan), expected.get(name, math.nan)
    if feature in MEANS_OF_ROOTS:
        return _are_equal_means_of_roots(one, other)
    if feature_class == "firstorder" and feature in MOMENTS and expected.get(f"{image}_firstorder_Range") == 0:
        return True
    if math.isnan(one) or math.isnan(other):
        return math.isnan(one) and math.isnan(other)
    relative = RELATIVE_TOLERANCE * max(abs(one), abs(other))
    tolerance = max(relative, NOISE, _rounding(image, feature_class, feature, expected))
    return abs(one - other) <= tolerance


def _are_equal_means_of_roots(one: float, other: float) -> bool:
    """Compare means over up to 13 directions of roots of numbers, such as eigenvalues, that are not below 0.

    In a direction whose number is 0, rounding decides in pyradiomics: the root of a number below 0 is no value, and the
    direction does not count. radtme's engine counts it as 0.
    """
    one, other = (0.0 if math.isnan(value) else value for value in (one, other))
    return any(
        abs(one * counted - other * kept) <= RELATIVE_TOLERANCE * counted
        for counted in range(1, MAX_DIRECTIONS + 1)
        for kept in range(1, counted + 1)
    )


def _rounding(image: str, feature_class: str, feature: str, expected: Mapping[str, float]) -> float:
    """Return how far apart two right values may be because of the terms that they are made of."""
    name = f"{feature_class}_{feature}"
    if name in ROOTS:
        return RELATIVE_TOLERANCE
    if feature in AXES:
        return RELATIVE_TOLERANCE * expected.get(f"{image}_shape_MajorAxisLength", 0.0)
    if name in DIFFERENCES:
        return ROUNDING
    if feature_class == "firstorder" and feature in (*GREY_VALUES, *DEVIATIONS):
        return ROUNDING * expected.get(f"{image}_firstorder_Range", 0.0)
    if feature == "ClusterShade":
        return ROUNDING * math.pow(expected.get(f"{image}_glcm_ClusterProminence", 0.0), 0.75)
    return 0.0
