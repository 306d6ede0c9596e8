"""What the order of selecting and splitting does to the AUC that a paper reports."""

from collections.abc import Callable

import numpy as np

from model_store.cohort.feature_table import FeatureTable
from model_store.training.forest import Candidate
from model_store.training.nested_cross_validation import outer_folds
from model_store.training.paper_split import paper_split

MakeTable = Callable[..., FeatureTable]
CANDIDATE = Candidate(columns=8, max_depth=3, min_samples_leaf=4, trees=20)


def test_selecting_before_the_split_finds_an_effect_in_noise(make_table: MakeTable) -> None:
    """958 columns of noise: selected on all cases, the held-out fifth seems to be told apart; inside, it is chance."""
    table = make_table(3, cases=80, effect=0.0)
    found = paper_split(table, outer_folds(table, 2, 1), CANDIDATE)
    assert found is not None
    said = found.to_json()
    assert said["splits"] == len(found.table()) == 10
    assert said["mean"] > 0.75
    assert 0.35 < said["mean_selected_inside"] < 0.65
    assert found.optimism.low > 0
    assert said["lowest"] < said["mean"] < said["highest"]


def test_folds_that_are_too_small_are_left_out(make_table: MakeTable) -> None:
    """Ten cases: a held-out fifth has one case of a class, of which no interval can be given."""
    table = make_table(3, cases=10, effect=1.0)
    folds = outer_folds(table, 1, 1)
    assert all(np.bincount(table.hot[fold.held_out]).min() == 1 for fold in folds)
    assert paper_split(table, folds, CANDIDATE) is None
