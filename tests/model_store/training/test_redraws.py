"""Training on redrawn outlines: it takes stable columns, counts each case once, and gives scores that do not move."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from model_store.cohort.feature_table import FeatureTable
from model_store.errors import TrainingError
from model_store.training.column_selection import select_columns, unstable_columns
from model_store.training.forest import Candidate, fit_forest, threshold_over_outlines, train

STABLE, UNSTABLE = ("ring_f000", "ring_f001"), ("tumour_f000", "tumour_f001")
QUICK = Candidate(columns=2, max_depth=3, min_samples_leaf=4, trees=40)


@pytest.fixture
def table(make_table: Callable[..., FeatureTable]) -> FeatureTable:
    """Return cases whose class shows in columns of which two survive a redrawn outline, the stronger two do not."""
    plain = make_table(3, effect=1.5)
    rng = np.random.default_rng(1)
    values = plain.values.copy()
    values[:, [plain.columns.index(name) for name in UNSTABLE]] += 2.0 * plain.hot[:, None]
    redraws = np.repeat(values[:, None], 4, axis=1) + rng.normal(0, 0.1, (len(values), 4, values.shape[1]))
    for name in UNSTABLE:
        redraws[:, :, plain.columns.index(name)] = rng.normal(size=(len(values), 4))
    return replace(plain, values=values, redraws=redraws)


def test_only_stable_columns_are_taken(table: FeatureTable) -> None:
    """Without redraws the strongest columns are taken, whatever a redrawn outline makes of them."""
    assert set(select_columns(replace(table, redraws=None), 2)) == set(UNSTABLE)
    assert set(UNSTABLE) <= set(unstable_columns(table))
    chosen = select_columns(table, 8)
    assert set(STABLE) <= set(chosen)
    assert not set(UNSTABLE) & set(chosen)


def scores(table: FeatureTable, columns: tuple[str, ...]) -> np.ndarray:
    """Return the scores (cases, 1 + redraws) of the second half by a forest of the first one."""
    half = len(table.patients) // 2
    forest = fit_forest(table.rows(np.arange(half)), columns, QUICK, 1)
    ratings = table.rows(np.arange(half, 2 * half)).ratings(columns)
    found: np.ndarray = forest.predict_proba(ratings.reshape(-1, len(columns)))[:, 1]
    return found.reshape(ratings.shape[:2])


def test_scores_move_less_over_redraws(table: FeatureTable) -> None:
    """The range of a case's scores is several times as wide with columns that were chosen without redraws."""
    plain = replace(table, redraws=None)
    before = scores(table, select_columns(plain, 2))
    now = scores(table, select_columns(table, 2))
    assert np.median(np.ptp(before, axis=1)) > 3 * np.median(np.ptp(now, axis=1))


def test_a_case_weighs_as_much_as_any_other(table: FeatureTable) -> None:
    """Redraws that could not be measured are left out, and the weights of a case still add up to 1."""
    assert table.redraws is not None
    redraws = table.redraws.copy()
    redraws[0, 1:] = np.nan
    rows = replace(table, redraws=redraws).learning_rows(table.columns)
    assert len(rows.hot) == 5 * len(table.patients) - 3
    assert rows.weight[:2].tolist() == [0.5, 0.5]
    assert np.isclose(rows.weight.sum(), len(table.patients))
    assert rows.hot[:2].tolist() == [table.hot[0]] * 2


def test_parts_of_a_table_keep_their_redraws(table: FeatureTable) -> None:
    """Rows and columns are taken from the redraws too; redraws of another shape are refused."""
    part = table.rows(np.array([3, 1])).without(UNSTABLE)
    assert table.redraws is not None
    assert part.redraws is not None
    place = table.columns.index(STABLE[1])
    assert np.array_equal(part.redraws[:, :, part.columns.index(STABLE[1])], table.redraws[[3, 1], :, place])
    with pytest.raises(TrainingError, match="cannot have redraws of shape"):
        replace(table, redraws=table.redraws[1:])


def test_a_redraw_that_could_not_be_measured_condemns_no_column(table: FeatureTable) -> None:
    """Its case says nothing about single columns; the other cases do."""
    assert table.redraws is not None
    redraws = table.redraws.copy()
    redraws[3, 1] = np.nan
    assert unstable_columns(replace(table, redraws=redraws)) == unstable_columns(table)


def test_threshold_counts_cases_not_outlines() -> None:
    """A hot case with four outlines at 0.5, two with one each at 0.9: by outlines 0.45 is best, by cases 0.75.

    Of the cold cases half lie at 0.6, so that 0.45 costs a half of the specificity and 0.75 a third of the sensitivity.
    """
    nan = np.nan
    scores = np.array(
        [[0.5, 0.5, 0.5, 0.5], [0.9, nan, nan, nan], [0.9, nan, nan, nan], [0.6, nan, nan, nan], [0.4, nan, nan, nan]]
    )
    hot = np.array([True, True, True, False, False])
    assert threshold_over_outlines(hot, scores) == pytest.approx(0.75)


def test_threshold_lies_where_redraws_change_few_classes(table: FeatureTable) -> None:
    """Redraws that pull the scores of hot cases down pull the threshold down, too; without redraws it stays."""
    hot = np.array([True] * 4 + [False] * 4)
    own = np.array([0.7, 0.8, 0.85, 0.9, 0.1, 0.2, 0.25, 0.3])
    redrawn = own[:, None] - np.where(hot, 0.25, 0.0)[:, None] * np.array([0, 1, 1])
    assert threshold_over_outlines(hot, own[:, None]) == pytest.approx(0.5)
    assert threshold_over_outlines(hot, redrawn) == pytest.approx(0.375)
    trained = train(table, 0, (QUICK,))
    assert trained.out_of_fold.shape == (len(table.patients),)
    assert np.isfinite(trained.out_of_fold).all()
