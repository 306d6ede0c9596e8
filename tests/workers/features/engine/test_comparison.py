"""When two values of a feature count as equal."""

import math

import pytest

from workers.features.engine.comparison import differences

FOUND = {
    "original_firstorder_Mean": 0.001,
    "original_firstorder_Range": 900.0,
    "original_glcm_ClusterProminence": 1e8,
    "original_glcm_ClusterShade": 1e-5,
    "original_glcm_DifferenceEntropy": -2.1356176692099448e-16,
    "original_glcm_MCC": 0.4,
    "original_ngtdm_Coarseness": 0.003,
    "original_shape_LeastAxisLength": 0.0,
    "original_shape_MajorAxisLength": 30.0,
}


@pytest.mark.parametrize(
    ("name", "value", "is_equal"),
    [
        ("original_ngtdm_Coarseness", 0.003 * (1 + 5e-7), True),
        ("original_ngtdm_Coarseness", 0.003 * (1 + 2e-6), False),
        ("original_ngtdm_Coarseness", 0.003 * (1 - 2e-6), False),
        ("original_ngtdm_Coarseness", 0.0, False),
        # Entropies of 0, as pyradiomics and radtme's engine summed them in one region.
        ("original_glcm_DifferenceEntropy", -3.203426503814917e-16, True),
        ("original_glcm_DifferenceEntropy", 1e-12, False),
        ("original_ngtdm_Coarseness", math.nan, False),
        # The mean of a filtered image is near 0; rounding is relative to its values.
        ("original_firstorder_Mean", 0.001 + 5e-8, True),
        ("original_firstorder_Mean", 0.001 + 5e-7, False),
        ("original_firstorder_Range", 900.001, False),
        # Third powers cancel in a symmetric matrix.
        ("original_glcm_ClusterShade", 1e-5 + 5e-5, True),
        ("original_glcm_ClusterShade", 1e-5 + 5e-4, False),
        ("original_glcm_MCC", math.nan, False),
        # A region of one slice has no extent across it.
        ("original_shape_LeastAxisLength", 1e-8, True),
        ("original_shape_LeastAxisLength", 1e-3, False),
    ],
)
def test_a_difference_counts_by_the_size_of_the_terms(name: str, value: float, is_equal: bool) -> None:
    """A millionth of the value, or of the terms that it is the difference of; a value against none always counts."""
    changed = {**FOUND, name: value}
    for one, other in ((changed, FOUND), (FOUND, changed)):
        assert differences(one, other) == ([] if is_equal else [name])


@pytest.mark.parametrize("name", ["original_glcm_MCC", "original_glcm_Imc2"])
def test_a_direction_whose_root_is_of_0_may_not_count_in_pyradiomics(name: str) -> None:
    """A mean over 13 directions against one over the 12 whose root pyradiomics found; never the other way round."""
    ours, reference = ({name: value} for value in (0.6 * 12 / 13, 0.6))
    assert not differences(ours, reference)
    assert differences(reference, ours) == [name]
    assert differences({name: 0.6 * 12.01 / 13}, reference) == [name]


def test_moments_of_one_grey_value_are_rounding() -> None:
    """The mean of equal numbers is not always that number: skewness is then 1 or -1. Such a region is not scored."""
    one, other = ({"original_firstorder_Range": 0.0, "original_firstorder_Skewness": value} for value in (-1.0, 0.0))
    assert not differences(one, other)
    two = {"original_firstorder_Range": 1.0, "original_firstorder_Skewness": 0.0}
    assert differences({**two, "original_firstorder_Skewness": -1.0}, two) == ["original_firstorder_Skewness"]


def test_features_without_value_in_both_are_equal() -> None:
    """Skewness of one grey value, for example; an MCC of 0 is the root of an eigenvalue that may be below 0."""
    assert not differences({"original_glcm_Imc1": math.nan}, {"original_glcm_Imc1": math.nan})
    assert not differences({"original_glcm_MCC": 3e-8}, {"original_glcm_MCC": math.nan})
    assert differences({}, {"original_glcm_Imc1": 1.0}) == ["original_glcm_Imc1"]
