"""How many patients a signature needs, against published examples and the authors' program."""

import numpy as np
import pytest
from click.testing import CliRunner
from scipy.stats import norm

from deploy.cli import radtme
from model_store.statistics.sample_size import (
    explained_variation,
    patients_for_auc,
    patients_for_ratio,
    patients_for_slope,
    training_needs,
    validation_needs,
)


@pytest.mark.parametrize(
    ("auc", "share", "features", "expected"),
    [(0.89, 0.174, 24, (615, 660, 221)), (0.75, 0.4, 20, (904, 481, 369)), (0.65, 0.25, 100, (16704, 2833, 289))],
)
def test_training_needs_are_those_of_pmsampsize(
    auc: float, share: float, features: int, expected: tuple[int, ...]
) -> None:
    """Those of pmsampsize 0.1.0 (PyPI) for these values, which draws R squared from a million patients: within 1 %."""
    found = [need.patients for need in training_needs(auc, share, features)]
    assert found == pytest.approx(expected, rel=0.01)
    assert [need.patients for need in training_needs(0.89, 0.174, 24)] == [615, 660, 221]


def test_explained_variation_is_that_of_the_authors() -> None:
    """An AUC of 0.89 at a prevalence of 0.174: 0.2908 in pmsampsize, by a draw."""
    assert explained_variation(0.89, 0.174) == pytest.approx(0.2908, abs=5e-4)


def test_validation_needs_are_those_of_pmvalsampsize() -> None:
    """The authors' example, mechanical heart valves with 1.8 % events: 905, 4501 and 4252 patients.

    From the tests of pmvalsampsize (CRAN). Its 4501 are of a thousand drawn patients, so 2 % are left for the draw; the
    linear predictor is normal with mean -5 and standard deviation 2.5.
    """
    assert patients_for_auc(0.8, 0.018, 0.05) == 4252
    assert patients_for_ratio(0.018, 1.0) == pytest.approx(905, abs=1)
    predictor = np.linspace(-5 - 20, -5 + 20, 20_001)
    weight = norm.pdf(predictor, -5, 2.5)
    assert patients_for_slope(predictor, weight / weight.sum()) == pytest.approx(4501, rel=0.02)


def test_a_bar_asks_for_as_many_as_keep_the_lower_limit_above_it() -> None:
    """The nearer the bar, the more patients."""
    near, far = (validation_needs(0.8, 0.4, bar)[-1].patients for bar in (0.75, 0.6))
    assert near > 10 * far
    assert patients_for_auc(0.8, 0.4, 0.05) == near


def test_the_command_shows_both_and_refuses_a_bar_above_the_auc() -> None:
    """One table for training and validation; a bar that the expected AUC does not reach is a mistake."""
    words = ["cohort", "sample-size", "--auc", "0.89", "--hot-share", "0.174", "--features", "24"]
    done = CliRunner().invoke(radtme, [*words, "--bar", "0.8"])
    assert done.exit_code == 0, done.output
    assert "R squared within 0.05" in done.output
    assert "660" in done.output
    assert "lower limit of the AUC above 0.8" in done.output
    refused = CliRunner().invoke(radtme, [*words, "--bar", "0.9"])
    assert refused.exit_code == 2
    assert "expected an AUC below --auc 0.89" in refused.output
