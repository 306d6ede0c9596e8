"""The prediction set holds the true class as often as its coverage states."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import binom

from model_store.cohort.feature_table import FeatureTable
from model_store.json_records import as_json, record_of
from model_store.signatures.canary import hot_probability
from model_store.signatures.certainty import Certainty, PredictionSet, ThresholdInterval
from model_store.training.forest import Candidate, train

COHORTS = 400
PER_CLASS = 49
"""One in ten of 49 + 1 is a whole number, so that the coverage to expect is 0.9 exactly."""


def calibrated(hot: list[float], cold: list[float], coverage: float = 0.9) -> Certainty:
    """Return a calibration on these scores."""
    flags = np.repeat([True, False], [len(hot), len(cold)])
    return Certainty.calibrated(np.array(hot + cold), flags, [0.4, 0.6], coverage)


def interval(cases: int, coverage: float) -> tuple[float, float]:
    """Return the 99 % interval of a count with this probability."""
    low, high = binom.interval(0.99, cases, coverage)
    return float(low), float(high)


def test_coverage_of_each_class_is_what_it_says() -> None:
    """Over 400 simulated cohorts, the set of a new case of each class holds it in 90 %, within the binomial interval.

    No assumption on how scores are distributed: here they are skewed, and differ in spread between the classes.
    """
    rng = np.random.default_rng(1)
    counts = {PredictionSet.HOT: 0, PredictionSet.COLD: 0}
    for _ in range(COHORTS):
        hot, cold = rng.beta(4, 2, PER_CLASS + 1), rng.beta(1.5, 4, PER_CLASS + 1)
        found = calibrated(hot[:-1].tolist(), cold[:-1].tolist())
        counts[PredictionSet.HOT] += hot[-1] >= found.hot_from
        counts[PredictionSet.COLD] += cold[-1] <= found.cold_to
    low, high = interval(COHORTS, 0.9)
    assert all(low <= count <= high for count in counts.values()), counts


def simulated(rng: np.random.Generator, cases: int) -> FeatureTable:
    """Return a cohort, half of it hot, with six columns of which three tell the classes apart a little."""
    hot = np.arange(cases) % 2 == 0
    values = rng.standard_normal((cases, 6))
    values[:, :3] += 0.8 * hot[:, None]
    columns = tuple(f"tumour_{index}" for index in range(6))
    return FeatureTable(columns, values, hot, tuple(f"P{index}" for index in range(cases)))


@dataclass(frozen=True)
class Unseen:
    """A case that no forest of its cohort saw."""

    hot: bool
    own_class_fits: bool
    """Whether its class belongs to the set, before the class by the threshold is looked at."""
    prediction_set: PredictionSet


def unseen_cases(cohorts: int, seed: int) -> Iterator[Unseen]:
    """Train a forest on each of so many cohorts, and yield one new case of each class."""
    rng = np.random.default_rng(seed)
    for _ in range(cohorts):
        trained = train(simulated(rng, 2 * PER_CLASS), 0, (Candidate(4, 3, 4, trees=15),))
        new, bounds = simulated(rng, 2), trained.certainty
        scores = hot_probability(trained.estimator, new.matrix(trained.columns))
        for score, hot in zip(scores.tolist(), new.hot.tolist(), strict=True):
            fits = score >= bounds.hot_from if hot else score <= bounds.cold_to
            yield Unseen(hot, fits, bounds.prediction_set(score, is_hot=score >= trained.threshold))


def require_coverage(cases: Sequence[Unseen]) -> None:
    """Fail unless the class of each case fits in 90 %, within the binomial interval, and the sets hold it no less.

    Sets may hold it more often, because the class by the threshold is never left out; but most must not hold both.
    """
    for hot, own in ((True, PredictionSet.HOT), (False, PredictionSet.COLD)):
        of_class = [case for case in cases if case.hot is hot]
        low, high = interval(len(of_class), 0.9)
        assert low <= sum(case.own_class_fits for case in of_class) <= high
        assert sum(case.prediction_set in (own, PredictionSet.BOTH) for case in of_class) >= low
    assert sum(case.prediction_set is PredictionSet.BOTH for case in cases) < 0.7 * len(cases)


def test_forest_covers_cases_that_it_never_saw() -> None:
    """The scores of the final forest keep to the coverage that out-of-fold scores of other forests promise."""
    require_coverage(list(unseen_cases(24, seed=2)))


@pytest.mark.long
def test_forest_covers_over_400_cohorts() -> None:
    """The same over 400 cohorts, each trained on its own."""
    require_coverage(list(unseen_cases(COHORTS, seed=3)))


TENTHS: NDArray[np.float64] = np.arange(1, 20) / 20
"""0.05, 0.1, ... 0.95: one in ten of 19 + 1 are 2 cases."""


def test_bounds_by_hand() -> None:
    """With 19 cases of each class and a coverage of 0.9, a class reaches to its second most extreme case."""
    found = calibrated((0.4 + 0.6 * TENTHS).tolist(), (0.6 * TENTHS).tolist())
    assert found.hot_from == pytest.approx(0.4 + 0.6 * 0.1)
    assert found.cold_to == pytest.approx(0.6 * 0.9)
    assert found.prediction_set(0.45, is_hot=False) is PredictionSet.COLD
    assert found.prediction_set(0.46, is_hot=False) is PredictionSet.BOTH
    assert found.prediction_set(0.54, is_hot=True) is PredictionSet.BOTH
    assert found.prediction_set(0.55, is_hot=True) is PredictionSet.HOT


def test_a_score_between_classes_that_were_apart_is_hot_or_cold() -> None:
    """A score that is too low for hot and too high for cold belongs to neither: the verdict is hot or cold."""
    found = calibrated((0.8 + 0.2 * TENTHS).tolist(), (0.2 * TENTHS).tolist())
    assert found.prediction_set(0.5, is_hot=True) is PredictionSet.BOTH
    assert found.prediction_set(0.5, is_hot=False) is PredictionSet.BOTH
    assert found.prediction_set(0.9, is_hot=True) is PredictionSet.HOT


def test_the_set_never_contradicts_the_threshold() -> None:
    """Where the set alone would say cold and the threshold says hot, the case is hot or cold."""
    found = calibrated((0.5 + 0.5 * TENTHS).tolist(), (0.9 * TENTHS).tolist())
    assert found.prediction_set(0.3, is_hot=True) is PredictionSet.BOTH
    assert found.prediction_set(0.3, is_hot=False) is PredictionSet.COLD


def test_with_too_few_cases_no_class_is_excluded() -> None:
    """With 8 cases of a class, even one beyond all of them is a tenth of nine: the class stays possible."""
    few = calibrated([0.9] * 8, [0.1] * 9)
    assert few.prediction_set(0.0, is_hot=False) is PredictionSet.BOTH
    assert few.prediction_set(0.95, is_hot=True) is PredictionSet.HOT
    enough = calibrated([0.9] * 9, [0.1] * 9)
    assert enough.prediction_set(0.0, is_hot=False) is PredictionSet.COLD


def test_it_comes_back_from_json() -> None:
    """A bundle gives back the calibration that it was given, and refuses one that is damaged."""
    found = calibrated([0.5, 0.7, 0.9], [0.1, 0.2])
    written = json.loads(json.dumps(as_json(found)))
    assert record_of(Certainty, written) == found
    assert found.threshold_interval == ThresholdInterval(0.4, 0.6, 2)
    for damaged in (
        written | {"hot_scores": [0.9, 0.5]},
        written | {"cold_scores": []},
        written | {"cold_scores": [1.5]},
        written | {"coverage": 1.0},
        written | {"method": "another"},
        written | {"more": 1},
    ):
        with pytest.raises(ValueError, match=r"scores|coverage|method|more"):
            record_of(Certainty, damaged)
    with pytest.raises(ValueError, match="coverage"):
        replace(found, coverage=0.2)
