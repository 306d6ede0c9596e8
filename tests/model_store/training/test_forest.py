"""Training finds a planted effect, and none in noise."""

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest

from model_store.cohort.feature_table import FeatureTable, table_of
from model_store.errors import TrainingError
from model_store.publication.model_card import model_card
from model_store.signatures.bundle import BundleContent
from model_store.signatures.canary import hot_probability
from model_store.signatures.profile import HAN2024
from model_store.signatures.signature import SignatureStatus
from model_store.statistics.performance import auc_with_interval
from model_store.training.column_selection import constant_columns, select_columns
from model_store.training.development import Purpose, check_columns, complete_cases, develop
from model_store.training.forest import Candidate, patient_folds, train, youden_threshold

MakeTable = Callable[..., FeatureTable]
QUICK = (Candidate(columns=6, max_depth=3, min_samples_leaf=4, trees=40),)


def test_planted_effect_is_found(make_table: MakeTable) -> None:
    """Columns that separate the classes are chosen, and held-out cases are separated."""
    trained = train(make_table(4, effect=1.2), 0, QUICK)
    planted = {f"{region}_f00{index}" for region in ("ring", "tumour") for index in range(4)}
    assert len(planted & set(trained.columns)) >= 4
    assert trained.out_of_fold_performance.auc.low > 0.75


def test_labels_without_meaning_give_nothing(make_table: MakeTable) -> None:
    """On 958 columns of noise the interval of the held-out AUC holds 0.5, and so does the mean of cross-validation.

    Selecting columns on all cases before the folds gives far more: that is the leak that this test would show.
    """
    values, leaking = [], []
    for seed in (1, 2, 3, 4):
        table, other = make_table(seed, effect=0.0), make_table(seed + 50, cases=200, effect=0.0, prefix="H")
        trained = train(table, 0, QUICK)
        held_out = auc_with_interval(other.hot, hot_probability(trained.estimator, other.matrix(trained.columns)))
        assert held_out.low <= 0.5 <= held_out.high
        values.append(trained.out_of_fold_performance.auc.value)
        chosen_on_all = table.without(set(table.columns) - set(select_columns(table, 6)))
        leaking.append(train(chosen_on_all, 0, QUICK).out_of_fold_performance.auc.value)
    assert abs(np.mean(values) - 0.5) < 0.12
    assert np.mean(leaking) > 0.75


def test_patients_stay_on_one_side(make_table: MakeTable) -> None:
    """All cases of a patient are in the same fold, and every fold holds both classes."""
    table = make_table(1, cases=90)
    patients = tuple(f"P{index // 6}" for index in range(90))
    table = dataclasses.replace(table, patients=patients)
    seen = []
    for training, held_out in patient_folds(table, 3):
        assert not {patients[i] for i in training} & {patients[i] for i in held_out}
        assert 0 < table.hot[held_out].sum() < len(held_out)
        seen.extend(held_out.tolist())
    assert sorted(seen) == list(range(90))


def test_repeated_patients_do_not_leak(make_table: MakeTable) -> None:
    """Ten noisy copies of each of 16 patients without an effect: folds that split patients learn them by heart."""
    rng = np.random.default_rng(5)
    base = make_table(6, cases=16, effect=0.0)
    index = np.repeat(np.arange(16), 10)
    values = base.values[index] + 0.05 * rng.normal(size=(160, len(base.columns)))
    table = FeatureTable(base.columns, values, base.hot[index], tuple(f"P{i}" for i in index))
    assert train(table, 0, QUICK).out_of_fold_performance.auc.value < 0.85
    blind = dataclasses.replace(table, patients=tuple(f"P{i}" for i in range(160)))
    assert train(blind, 0, QUICK).out_of_fold_performance.auc.value > 0.98


def test_same_seed_gives_same_forest(make_table: MakeTable) -> None:
    """Training twice gives the same columns, threshold and probabilities."""
    table = make_table(2, cases=50)
    one, other = train(table, 7, QUICK), train(table, 7, QUICK)
    assert (one.columns, one.threshold) == (other.columns, other.threshold)
    assert np.array_equal(one.out_of_fold, other.out_of_fold)


def test_constant_columns_are_left_out_and_named(make_table: MakeTable) -> None:
    """A column that never changes is not offered to any forest, and is listed; missing values are refused."""
    table = make_table(3, effect=2.0)
    values = table.values.copy()
    values[:, 1] = 4.0
    trained = train(dataclasses.replace(table, values=values), 0, QUICK)
    assert trained.left_out == {"constant": ("ring_f001",)}
    assert "ring_f001" not in trained.columns
    assert constant_columns(table) == ()
    values[5, 0] = np.nan
    with pytest.raises(TrainingError, match="missing values"):
        train(dataclasses.replace(table, values=values), 0, QUICK)


def test_best_candidate_of_the_grid_is_taken(make_table: MakeTable) -> None:
    """The candidate with the largest out-of-fold AUC is chosen, and all are reported."""
    trained = train(make_table(9), 0, (*QUICK, Candidate(columns=1, max_depth=1, min_samples_leaf=20, trees=40)))
    best = max(trained.cross_validated_auc.values())
    assert len(trained.cross_validated_auc) == 2
    assert trained.out_of_fold_performance.auc.value == best
    assert trained.chosen == QUICK[0]


def test_too_few_patients_are_refused(make_table: MakeTable) -> None:
    """Four patients of a class cannot be in five folds."""
    table = make_table(1, cases=40)
    few = table.rows(np.concatenate([np.flatnonzero(table.hot)[:4], np.flatnonzero(~table.hot)]))
    with pytest.raises(TrainingError, match="5 hot patients; there are 4"):
        train(few, 0, QUICK)


def test_patient_in_both_tables_is_refused(make_table: MakeTable) -> None:
    """A held-out table that shares a patient with the training table proves nothing."""
    purpose = Purpose("x", "1", SignatureStatus.RESEARCH, "Tests", "", {})
    with pytest.raises(TrainingError, match="80 patients"):
        develop(purpose, HAN2024, make_table(1), make_table(2), 0, QUICK)


def test_table_must_have_the_profiles_columns(make_table: MakeTable) -> None:
    """478 columns of a region mean that the extraction was another one."""
    with pytest.raises(TrainingError, match="478 columns ring_"):
        check_columns(make_table(1).without(["ring_f007"]))


def test_table_is_made_from_cases() -> None:
    """Columns are sorted, an absent feature is NaN, and a case without a chosen column is not counted as measured."""
    table = table_of([("P1", True, {"tumour_b": 1.0, "ring_a": 2.0}), ("P2", False, {"tumour_b": 3.0})])
    assert table.columns == ("ring_a", "tumour_b")
    assert np.array_equal(table.values, [[2.0, 1.0], [np.nan, 3.0]], equal_nan=True)
    assert complete_cases(table, ("ring_a",)).patients == ("P1",)
    with pytest.raises(TrainingError, match="infinite"):
        table_of([("P1", True, {"tumour_b": float("inf")})])
    with pytest.raises(TrainingError, match="ring_z"):
        table.matrix(["ring_z"])


def test_card_says_what_must_be_known(bundle_content: BundleContent) -> None:
    """The card carries the notice, both performances with intervals, and every column."""
    card, description = bundle_content.card, bundle_content.description
    assert description.research_notice in card
    for name in ("cross_validation", "held_out"):
        auc = description.metrics[name]["auc"]
        assert f"{auc['value']:.3f} ({auc['low']:.3f} to {auc['high']:.3f})" in card
    assert all(f"`{column}`" in card for column in description.columns)
    assert all(f"({figure})" in card for figure in bundle_content.figures)


def test_card_says_how_sure_a_verdict_is(bundle_content: BundleContent) -> None:
    """The card carries the coverage, the bounds of the classes, and how far the threshold moves between the folds."""
    card, certainty = bundle_content.card, bundle_content.description.certainty
    assert certainty is not None
    thresholds = certainty.threshold_interval
    assert thresholds.folds == 5
    assert thresholds.low <= bundle_content.description.threshold <= thresholds.high
    assert f"{thresholds.low:.4f} to {thresholds.high:.4f} in the 5 folds" in card
    assert f"from {certainty.hot_from:.4f}" in card
    assert f"up to {certainty.cold_to:.4f}" in card
    assert "90% of the cases of each class" in card
    nothing = dataclasses.replace(bundle_content.description, certainty=None)
    assert "was not calibrated" in model_card(nothing)


def test_youden_threshold_by_hand() -> None:
    """Hot at 3, 5, 6, 7, cold at 1, 2, 4: from 5 on the index is 3/4 + 3/3 - 1, from 3 on 4/4 + 2/3 - 1, less."""
    score = np.array([3.0, 5, 6, 7, 1, 2, 4])
    assert youden_threshold(np.array([True] * 4 + [False] * 3), score) == 4.5


@pytest.mark.parametrize("steps", [None, 2])
def test_no_threshold_is_better_than_youdens(steps: int | None) -> None:
    """Trying every threshold one by one finds none with a larger sum of sensitivity and specificity."""
    for seed in range(20):
        rng = np.random.default_rng(seed)
        hot = rng.random(40) < 0.4
        score = rng.normal(size=40) + hot
        score = np.round(score * steps) / steps if steps else score

        def index(threshold: float, hot: np.ndarray = hot, score: np.ndarray = score) -> float:
            return float((score[hot] >= threshold).mean() + (score[~hot] < threshold).mean())

        best = max(index(threshold) for threshold in (*score, score.max() + 1))
        assert index(youden_threshold(hot, score)) == pytest.approx(best, abs=1e-12)
