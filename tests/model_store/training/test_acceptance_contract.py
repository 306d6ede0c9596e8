"""The acceptance contract that training writes."""

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import mahalanobis

from model_store.signatures.acceptance import Interval, Parameter
from model_store.signatures.training_distance import TrainingDistance, from_npz, to_npz
from model_store.training.acceptance_contract import contract_of, fit_distance

RNG = np.random.default_rng(7)
MIXING = RNG.normal(size=(6, 6))
VALUES = RNG.normal(size=(200, 6)) @ MIXING + 50
PATIENTS = [f"P{at // 2}" for at in range(len(VALUES))]
"""Two lesions each."""


def cases(count: int = 200, **columns: object) -> pd.DataFrame:
    """Return what a feature table says of so many cases."""
    return pd.DataFrame({"case": [str(at) for at in range(count)], **columns})


def test_ranges_go_a_quarter_beyond_the_cohort() -> None:
    """From the smallest value divided by 1.25 to the largest times 1.25, where values are known."""
    echo, field = np.linspace(2.0, 4.0, 200), np.where(np.arange(200) % 2, 1.5, 3.0)
    contract = contract_of(VALUES, PATIENTS, cases(echo_time_ms=echo, field_strength_tesla=field)).contract
    assert contract.acquisition == {
        Parameter.ECHO_TIME: Interval(1.6, 5.0),
        Parameter.FIELD_STRENGTH: Interval(1.2, 3.75),
    }


@pytest.mark.parametrize(("count", "known", "is_bounded"), [(200, 99, False), (200, 100, True), (30, 19, False)])
def test_what_few_cases_state_bounds_nothing(count: int, known: int, is_bounded: bool) -> None:
    """Half of the cohort, and 20 cases at least, have to state a parameter."""
    angle = np.where(np.arange(count) < known, 10.0, np.nan)
    contract = contract_of(VALUES[:count], PATIENTS[:count], cases(count, flip_angle_degrees=angle)).contract
    assert (Parameter.FLIP_ANGLE in contract.acquisition) == is_bounded


def test_phases_are_those_of_the_cohort() -> None:
    """Each number that a case was measured on; none where the table does not say it."""
    assert contract_of(VALUES, PATIENTS, cases(phase=np.where(np.arange(200) % 5, 2.0, 3.0))).contract.phases == (2, 3)
    assert contract_of(VALUES, PATIENTS, cases()).contract.phases == ()
    assert contract_of(VALUES, PATIENTS).contract.phases == ()


def test_the_distance_is_mahalanobis_in_scaled_features() -> None:
    """Against SciPy's distance, with the fitted precision, in features scaled as the docstring says."""
    distance = fit_distance(VALUES)
    low, median, high = np.quantile(VALUES, (0.25, 0.5, 0.75), axis=0)
    scaled = np.arcsinh((VALUES[3] - median) / ((high - low) / 1.349))
    expected = mahalanobis(scaled, distance.location, distance.precision)
    assert distance.of(VALUES[3:4])[0] == pytest.approx(expected, rel=1e-5)


def test_a_new_case_is_within_the_limit_and_a_strange_one_beyond() -> None:
    """Of 1,000 new cases of the same distribution under 1 % are beyond it; with one feature turned round, most are."""
    contracted = contract_of(VALUES, PATIENTS)
    limit, distance = contracted.contract.max_training_distance, contracted.distance
    assert limit is not None
    assert distance is not None
    new = np.random.default_rng(8).normal(size=(1000, 6)) @ MIXING + 50
    assert (distance.of(new) > limit).mean() < 0.01
    shuffled = np.column_stack([np.random.default_rng(at).permutation(column) for at, column in enumerate(new.T)])
    inside = ((shuffled >= VALUES.min(axis=0)) & (shuffled <= VALUES.max(axis=0))).mean()
    assert inside > 0.98  # each feature alone looks like training
    assert (distance.of(shuffled) > limit).mean() > 0.3


def test_lesions_of_one_patient_do_not_measure_each_other() -> None:
    """Twin lesions give the limit that the patients' first lesions give, not a smaller one."""
    once = contract_of(VALUES[::2], PATIENTS[::2]).contract.max_training_distance
    twins = contract_of(np.repeat(VALUES[::2], 2, axis=0), PATIENTS).contract.max_training_distance
    assert once is not None
    assert twins == pytest.approx(once, rel=0.05)


def test_few_cases_have_no_distance() -> None:
    """Below 20 nothing is limited."""
    contracted = contract_of(VALUES[:19], PATIENTS[:19])
    assert contracted.distance is None
    assert contracted.contract.max_training_distance is None


def test_a_distance_is_read_back_as_it_was_written() -> None:
    """Also of a feature that is the same in all cases."""
    values = VALUES.copy()
    values[:, 2] = 4.0
    distance = fit_distance(values)
    again = from_npz(to_npz(distance), columns=6)
    assert isinstance(again, TrainingDistance)
    assert np.array_equal(again.of(values), distance.of(values))
    assert np.isfinite(again.of(values)).all()
