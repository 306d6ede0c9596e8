"""One patient under two names is found by pseudonym, by pixel digest and by features."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from model_store.cohort.feature_table import FeatureTable
from model_store.cohort.twins import (
    require_no_twins,
    require_other_images,
    require_other_patients,
    require_other_pixels,
    require_other_values,
)
from model_store.errors import LeakError

MakeTable = Callable[..., FeatureTable]


def test_same_images_under_two_pseudonyms_are_refused(make_table: MakeTable) -> None:
    """Exact twins, twins times (1 + 1e-9), and twins with 5 % noise: trained on and measured on."""
    table = make_table(2, cases=120, effect=0.0)
    rng = np.random.default_rng(1)
    for twin in (
        table.values[2],
        table.values[2] * (1 + 1e-9),
        table.values[2] * (1 + 0.05 * rng.normal(size=958)),
        table.values[2] + 0.05 * rng.normal(size=958),
    ):
        values = table.values.copy()
        values[7] = twin
        twins = replace(table, values=values)
        with pytest.raises(LeakError, match=r"rows 3 and 8 .* two pseudonyms"):
            require_no_twins(twins)
        require_no_twins(replace(twins, patients=tuple("P2" if p == "P7" else p for p in twins.patients)))
    require_no_twins(table)


def test_exact_twins_of_a_few_cases_are_refused(make_table: MakeTable) -> None:
    """Ranks of four cases are not meaningful; equal values are still found, and other values are not twins."""
    table = make_table(2, cases=4)
    require_no_twins(table)
    with pytest.raises(LeakError, match="two pseudonyms"):
        require_no_twins(replace(table, values=table.values[[0, 1, 0, 3]]))


def test_features_that_correlate_are_no_twins() -> None:
    """Radiomics features come in families: 958 columns of eight independent quantities, 250 patients, no twin."""
    rng = np.random.default_rng(3)
    values = rng.normal(size=(250, 8)) @ rng.normal(size=(8, 958)) + 0.5 * rng.normal(size=(250, 958))
    columns = tuple(f"tumour_f{index:03d}" for index in range(958))
    require_no_twins(FeatureTable(columns, np.exp(values), np.arange(250) % 2 == 0, tuple(map(str, range(250)))))


def test_equal_pixels_under_two_pseudonyms_are_refused(make_table: MakeTable) -> None:
    """Two lesions of one patient share their images; two patients do not."""
    table = make_table(2, cases=12)
    digests = pd.Series([f"{index:064x}" for index in range(12)])
    require_no_twins(table, digests)
    digests[5] = digests[1]
    with pytest.raises(LeakError, match="1 images occur under two pseudonyms"):
        require_no_twins(table, digests)
    require_no_twins(replace(table, patients=tuple("P1" if p == "P5" else p for p in table.patients)), digests)


def test_patient_in_training_and_test_is_refused() -> None:
    """The message counts and does not name them."""
    with pytest.raises(LeakError, match="1 patients are in the training table and in the cohort other") as caught:
        require_other_patients(["P1", "P2"], ["P2", "P3"], "the cohort other")
    assert "P2" not in str(caught.value)


def test_training_images_in_another_cohort_are_refused(make_table: MakeTable) -> None:
    """Six digits, noise, other units, or a part of them: the cohort is the training under other names."""
    training = make_table(2, cases=120, effect=0.0).values
    rng = np.random.default_rng(4)
    require_other_images(training, make_table(3, cases=80, effect=0.0).values, "the cohort other")
    six_digits = np.array([[float(f"{value:.6g}") for value in row] for row in training])
    for copy in (six_digits, training + 0.05 * rng.normal(size=training.shape), six_digits[:50] + 1e-7):
        with pytest.raises(LeakError, match=f"{len(copy)} cases of the cohort other have nearly the same"):
            require_other_images(training, copy, "the cohort other")
    with pytest.raises(LeakError, match="120 cases of the cohort other"):
        require_other_images(training, 7 * training[::-1] + 3, "the cohort other")


def test_pixel_digests_of_training_in_another_cohort_are_refused() -> None:
    """Whether every case has a digest is returned: a cohort without them proves nothing."""
    first, second = (pd.Series([f"{at + index:064x}" for index in range(5)]) for at in (0, 100))
    assert require_other_pixels(first, second, "the cohort other")
    assert not require_other_pixels(first, second.replace(second[2], ""), "the cohort other")
    assert not require_other_pixels(first, pd.Series(["made up"] * 5), "the cohort other")
    with pytest.raises(LeakError, match="1 cases of the cohort other have the pixel digest of a training case"):
        require_other_pixels(first, second.replace(second[2], first[3]), "the cohort other")


def test_copied_values_of_a_score_are_refused() -> None:
    """With five digits; other patients, missing values, and scores of so few columns that chance gives the same."""
    rng = np.random.default_rng(5)
    training, other = rng.lognormal(size=(200, 6)), rng.lognormal(size=(200, 6))
    require_other_values(training, other, "the cohort other")
    require_other_values(training, np.full((3, 6), np.nan), "the cohort other")
    other[17] = [float(f"{value:.5g}") for value in training[3]]
    with pytest.raises(LeakError, match="1 cases of the cohort other have the values of a training case in all 6"):
        require_other_values(training, other, "the cohort other")
    require_other_values(training[:, :3], other[:, :3], "the cohort other")
