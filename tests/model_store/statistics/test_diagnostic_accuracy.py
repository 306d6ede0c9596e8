"""Every statistic of a validation equals what others compute."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from model_store.errors import SignatureError, TrainingError
from model_store.statistics.calibration import calibration, logistic_fit
from model_store.statistics.diagnostic_accuracy import (
    compare_scores_of_same_cases,
    decision_curve,
    shares,
)
from model_store.statistics.performance import auc_with_interval, confusion_of
from model_store.statistics.signature_agreement import agreement, kappa
from model_store.training.forest import youden_threshold

REFERENCE = Path(__file__).parents[2] / "reference"


@pytest.fixture(scope="module")
def cases() -> pd.DataFrame:
    """Return the cases that the reference values are of."""
    return pd.read_csv(REFERENCE / "statistics_cases.csv")


@pytest.fixture(scope="module", params=["committed", "live"])
def expected(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Return R's values: those that are committed, and those of the R that is here."""
    if request.param == "committed":
        return dict(json.loads((REFERENCE / "statistics.json").read_text()))
    if shutil.which("Rscript") is None:
        pytest.skip("needs R (Debian: r-base-core)")
    ran = subprocess.run(
        ["Rscript", "--vanilla", REFERENCE / "statistics.R", REFERENCE / "statistics_cases.csv"],
        capture_output=True,
        text=True,
        check=False,
    )
    if "there is no package called" in ran.stderr:
        pytest.skip("needs R's pROC (Debian: r-cran-proc)")
    assert ran.returncode == 0, ran.stderr
    return dict(json.loads(ran.stdout))


def column(cases: pd.DataFrame, name: str, part: int = 1) -> np.ndarray:
    """Return a column of a part of the cases; the truth as flags."""
    values = cases.loc[cases["set"] == part, name].to_numpy()
    return values == 1 if name == "hot" else values.astype(float)


def test_delong_interval_equals_proc(cases: pd.DataFrame, expected: dict[str, Any]) -> None:
    """AUC, interval and (from the interval) variance are pROC's."""
    auc = auc_with_interval(column(cases, "hot"), column(cases, "first"))
    assert (auc.value, auc.low, auc.high) == pytest.approx(expected["auc"][:3], abs=1e-9)
    assert ((auc.high - auc.low) / 2 / 1.959963984540054) ** 2 == pytest.approx(expected["auc"][3], rel=1e-9)


def test_delong_paired_test_equals_proc(cases: pd.DataFrame, expected: dict[str, Any]) -> None:
    """Two scores of the same cases: z, p and the interval of the difference are pROC's."""
    found = compare_scores_of_same_cases(*(column(cases, name) for name in ("hot", "first", "second")))
    assert (found.z, found.p, found.low, found.high) == pytest.approx(expected["paired"], rel=1e-8)


def test_youden_equals_proc(cases: pd.DataFrame, expected: dict[str, Any]) -> None:
    """Threshold (half-way between two scores), sensitivity and specificity are pROC's."""
    hot, score = column(cases, "hot"), column(cases, "first")
    threshold = youden_threshold(hot, score)
    measures = (threshold, (score[hot] >= threshold).mean(), (score[~hot] < threshold).mean())
    assert measures == pytest.approx(expected["youden"], abs=1e-12)


def test_calibration_equals_glm(cases: pd.DataFrame, expected: dict[str, Any]) -> None:
    """Slope and intercept in the large, with their standard errors, are R's glm's; so is the Brier score."""
    found = calibration(column(cases, "hot"), column(cases, "first"))
    for estimate, name in ((found.slope, "slope"), (found.intercept, "intercept")):
        assert estimate is not None
        error = (estimate.high - estimate.low) / 2 / 1.959963984540054
        assert (estimate.value, error) == pytest.approx(expected[name], rel=1e-6)
    assert found.brier.value == pytest.approx(expected["brier"][0], abs=1e-12)


def test_shares_equal_prop_test_and_binom_test(cases: pd.DataFrame, expected: dict[str, Any]) -> None:
    """Accuracy, sensitivity, specificity, PPV, NPV: Wilson's interval is prop.test's, the exact one binom.test's."""
    found = shares(vars(confusion_of(column(cases, "hot"), column(cases, "first") >= 0.5)))
    for name, share in found.items():
        assert share is not None
        ours = (share.wilson.value, share.wilson.low, share.wilson.high, share.exact.low, share.exact.high)
        assert ours == pytest.approx(expected[name], abs=1e-9), name


def test_net_benefit_equals_counting(cases: pd.DataFrame, expected: dict[str, Any]) -> None:
    """Net benefit at 0.1, 0.3, 0.5 and 0.7 is what R counts."""
    curve = decision_curve(column(cases, "hot"), column(cases, "first"))
    ours = [curve.loc[np.isclose(curve["threshold"], t), "signature"].item() for t in (0.1, 0.3, 0.5, 0.7)]
    assert ours == pytest.approx(expected["net_benefit"], abs=1e-12)


def test_decision_curve_equals_dcurves(cases: pd.DataFrame) -> None:
    """At 0.2 and 0.6 the values are those of dcurves 1.1.7, computed apart: it does not install beside our pandas."""
    curve = decision_curve(column(cases, "hot"), column(cases, "first")).set_index("threshold")
    curve.index = curve.index.to_numpy().round(2)
    reference = json.loads((REFERENCE / "dcurves.json").read_text())
    for threshold, (signature, all_hot) in reference["net_benefit"].items():
        row = curve.loc[float(threshold)]
        assert (row["signature"], row["all_hot"]) == pytest.approx((signature, all_hot), abs=1e-12)


def test_share_of_no_case_is_none() -> None:
    """Without a case that was called hot there is no PPV; it is absent and not 0."""
    found = shares({"true_positive": 0, "false_positive": 0, "true_negative": 4, "false_negative": 3})
    assert found["ppv"] is None
    assert found["npv"] is not None


def test_calibration_of_separate_classes_has_no_slope() -> None:
    """Where probabilities separate the classes no slope fits best: None, and not a large number."""
    hot = np.arange(20) >= 10
    assert calibration(hot, np.linspace(0.05, 0.95, 20)).slope is None
    assert logistic_fit(np.ones((4, 1)), np.ones(4, np.bool_)) is None


def test_forest_that_is_sure_is_moved_inwards() -> None:
    """Probabilities of 0 and 1 have no logit: they are moved, and counted."""
    hot = np.array([True, False] * 10)
    probability = np.where(np.arange(20) < 16, np.where(hot, 0.7, 0.3), np.where(hot, 0.0, 1.0))
    found = calibration(hot, probability)
    assert found.moved_inwards == 4
    assert found.slope is not None
    assert found.brier_of_prevalence == 0.25


def test_equal_scores_do_not_differ() -> None:
    """A score against itself has difference 0 and p 1; with one case of a class there is no test."""
    hot, score = np.array([True, True, False, False]), np.array([0.9, 0.4, 0.5, 0.1])
    found = compare_scores_of_same_cases(hot, score, score)
    assert (found.difference, found.p) == (0.0, 1.0)
    with pytest.raises(TrainingError, match="two cases"):
        compare_scores_of_same_cases(hot[1:], score[1:], score[1:])


def test_kappa_equals_statsmodels() -> None:
    """Kappa and its interval are those of statsmodels' cohens_kappa."""
    inter_rater = pytest.importorskip("statsmodels.stats.inter_rater")
    rng = np.random.default_rng(3)
    first = rng.random(80) < 0.5
    second = np.where(rng.random(80) < 0.75, first, ~first)
    counts = [[np.sum((first == i) & (second == j)) for j in (True, False)] for i in (True, False)]
    theirs, ours = inter_rater.cohens_kappa(np.array(counts)), kappa(first, second)
    assert ours is not None
    assert ours.value == pytest.approx(theirs.kappa, abs=1e-12)
    assert ours.high - ours.value == pytest.approx(1.959963984540054 * theirs.std_kappa, rel=1e-9)
    assert kappa(np.ones(5, np.bool_), np.ones(5, np.bool_)) is None


def test_limits_of_agreement_by_hand() -> None:
    """Differences 0.1, 0.2, 0.3: mean 0.2, standard deviation 0.1, limits 0.2 -+ 0.196."""
    first = np.array([0.1, 0.2, 0.3])
    second = first + np.array([0.1, 0.2, 0.3])
    found = agreement(first, second, first >= 0.25, second >= 0.25)
    assert found.mean_difference.value == pytest.approx(0.2)
    assert found.limits == pytest.approx((0.0040036, 0.3959964))
    assert (found.both_hot, found.only_second_hot, found.both_cold) == (1, 1, 1)
    with pytest.raises(SignatureError, match="there are 2"):
        agreement(first[:2], second[:2], first[:2] > 0, second[:2] > 0)
