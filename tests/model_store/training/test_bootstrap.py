"""The optimism of a forest on its own cases."""

from collections.abc import Callable

import pytest

from model_store.cohort.feature_table import FeatureTable
from model_store.training.bootstrap import Optimism, bootstrap_optimism
from model_store.training.forest import Candidate

MakeTable = Callable[..., FeatureTable]
CANDIDATE = Candidate(columns=6, max_depth=3, min_samples_leaf=4, trees=10)


def test_noise_looks_good_on_its_own_cases_and_is_corrected_to_chance(make_table: MakeTable) -> None:
    """958 columns of noise give an apparent AUC far above 0.5; unseen patients are told apart by chance."""
    found = bootstrap_optimism(make_table(3, cases=60, effect=0.0), CANDIDATE, 1)
    assert found.samples == 50
    assert found.apparent > 0.8
    assert 0.4 < found.unseen < 0.6
    assert found.corrected < 0.65


def test_the_632_rule() -> None:
    """Without overfitting the estimate is 0.368 apparent + 0.632 unseen; with nothing but overfitting it is chance."""
    assert Optimism(0.8, 0.8, 50).corrected == pytest.approx(0.8)
    assert Optimism(1.0, 0.5, 50).corrected == pytest.approx(0.5)
    assert Optimism(1.0, 0.3, 50).corrected == pytest.approx(0.5)
    weight = 0.632 / (1 - 0.368 * 0.2 / 0.4)
    assert Optimism(0.9, 0.7, 50).corrected == pytest.approx(0.9 - weight * 0.2)
