"""Performance numbers equal those of others, and of counting by hand."""

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.metrics import roc_auc_score

from model_store.errors import TrainingError
from model_store.statistics.performance import (
    auc_with_interval,
    calibration_points,
    performance,
    wilson_interval,
)


def some_scores(seed: int, cases: int, steps: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Return truth and scores that overlap; ``steps`` rounds them, which makes ties."""
    rng = np.random.default_rng(seed)
    hot = rng.random(cases) < 0.4
    score = rng.normal(size=cases) + hot
    return hot, np.round(score * steps) / steps if steps else score


@pytest.mark.parametrize("steps", [None, 2])
def test_auc_equals_scikit_learn(steps: int | None) -> None:
    """The area is that of scikit-learn, with and without ties."""
    for seed in range(10):
        hot, score = some_scores(seed, 57, steps)
        assert auc_with_interval(hot, score).value == pytest.approx(roc_auc_score(hot, score), abs=1e-12)


@pytest.mark.parametrize("steps", [None, 2])
def test_delong_variance_equals_the_jackknife(steps: int | None) -> None:
    """DeLong's variance is, class by class, the jackknife's with scikit-learn's AUC (Arvesen, Ann Math Stat 1969).

    The interval reaches 1.959964 standard errors to both sides.
    """
    for seed in range(3):
        hot, score = some_scores(seed, 60, steps)
        variance = 0.0
        for group in (np.flatnonzero(hot), np.flatnonzero(~hot)):
            left_out = [roc_auc_score(np.delete(hot, i), np.delete(score, i)) for i in group]
            variance += (len(group) - 1) / len(group) * np.sum((left_out - np.mean(left_out)) ** 2)
        auc = auc_with_interval(hot, score)
        assert auc.high - auc.value == pytest.approx(1.959963985 * np.sqrt(variance), rel=1e-9)
        assert auc.value - auc.low == pytest.approx(1.959963985 * np.sqrt(variance), rel=1e-9)


def test_delong_interval_covers_the_truth() -> None:
    """Of 400 drawn studies about 95 % of the intervals hold the true area, which is Phi(1 / sqrt 2) = 0.76025."""
    held = 0
    for seed in range(400):
        auc = auc_with_interval(*some_scores(seed, 120))
        held += auc.low <= 0.760250 <= auc.high
    assert 0.92 <= held / 400 <= 0.98


def test_auc_of_a_perfect_and_of_a_useless_score() -> None:
    """A perfect score has 1, one that is the same for all has 0.5; the interval never leaves 0 to 1."""
    hot = np.array([True] * 5 + [False] * 5)
    assert auc_with_interval(hot, hot.astype(float)).value == 1.0
    assert auc_with_interval(hot, np.zeros(10)).value == 0.5
    near = auc_with_interval(hot, np.array([9, 8, 7, 6, 3.5, 4, 3, 2, 1, 0]))
    assert near.high == 1.0
    with pytest.raises(TrainingError, match="1 hot"):
        auc_with_interval(np.array([True, False, False]), np.zeros(3))


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0000, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_equals_newcombe(successes: int, trials: int, low: float, high: float) -> None:
    """The four worked examples of Newcombe, Statistics in Medicine 17:857 (1998), table I, method 3."""
    interval = wilson_interval(successes, trials)
    assert (round(interval.low, 4), round(interval.high, 4)) == (low, high)


def test_wilson_equals_scipy() -> None:
    """And SciPy's, for every count out of 33."""
    for successes in range(34):
        theirs = binomtest(successes, 33).proportion_ci(method="wilson")
        ours = wilson_interval(successes, 33)
        assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=1e-12)


def test_performance_counts_what_the_threshold_does() -> None:
    """Four of five hot and two of three cold are right at 0.5; the border counts as hot."""
    hot = np.array([True] * 5 + [False] * 3)
    probability = np.array([0.9, 0.8, 0.7, 0.5, 0.2, 0.6, 0.4, 0.1])
    found = performance(hot, probability, 0.5)
    assert (found.cases, found.hot) == (8, 5)
    assert vars(found.confusion) == {
        "true_positive": 4,
        "false_positive": 1,
        "true_negative": 2,
        "false_negative": 1,
    }
    assert found.sensitivity.value == pytest.approx(0.8)
    assert found.specificity.value == pytest.approx(2 / 3)
    assert found.auc.value == pytest.approx(12 / 15)
    with pytest.raises(TrainingError):
        wilson_interval(0, 0)


def test_calibration_bins_hold_all_cases() -> None:
    """Perfectly calibrated probabilities lie on the diagonal, within the interval, in nearly every bin."""
    rng = np.random.default_rng(0)
    probability = rng.random(2000)
    points = calibration_points(rng.random(2000) < probability, probability, bins=10)
    assert [mean for mean, _ in points] == pytest.approx(np.arange(0.05, 1, 0.1), abs=0.03)
    assert sum(share.low <= mean <= share.high for mean, share in points) >= 8
