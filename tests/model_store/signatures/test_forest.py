"""scikit-learn is the referee of the forests that are evaluated without it."""

import numpy as np
import pytest
import skops.io
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import RandomForestClassifier

from model_store.errors import SignatureError
from model_store.signatures import canary
from model_store.signatures.estimator import from_skops, to_skops
from model_store.signatures.forest import NODE_FIELDS, forest_of
from model_store.signatures.registry import shipped_bundle

VALUES = np.array([[[0.5, 0.5]], [[1.0, 0.0]], [[0.0, 1.0]]])


def a_tree() -> np.ndarray:
    """Return the nodes of one split at 0 of column 1."""
    nodes = np.zeros(3, dtype=list(NODE_FIELDS.items()))
    nodes["left_child"], nodes["right_child"], nodes["feature"] = (1, -1, -1), (2, -1, -1), (1, -2, -2)
    return nodes


@settings(max_examples=40)
@given(seed=st.integers(0, 2**32 - 1), columns=st.integers(1, 12), trees=st.integers(1, 40), depth=st.integers(0, 12))
def test_probabilities_have_the_bits_of_scikit_learn(seed: int, columns: int, trees: int, depth: int) -> None:
    """Also for values that equal a threshold, that differ from one by less than single precision, and for one row."""
    rng = np.random.default_rng(seed)
    table = np.round(rng.normal(size=(60, columns)), rng.integers(0, 4))
    hot = np.arange(60) % 2 == 0
    reference = RandomForestClassifier(trees, max_depth=depth or None, class_weight="balanced", random_state=1)
    reference.fit(table, hot.astype(int))
    forest = from_skops(to_skops(reference))
    thresholds = forest.threshold[rng.integers(len(forest.threshold), size=(60, columns))]
    rows = np.vstack([table, rng.normal(size=(60, columns)) * 10, thresholds, np.nextafter(thresholds, np.inf)])
    assert np.array_equal(forest.predict_proba(rows), reference.predict_proba(rows))
    assert np.array_equal(forest.predict_proba(rows[-1:]), reference.predict_proba(rows[-1:]))
    assert np.allclose(forest.feature_importances_, reference.feature_importances_, rtol=0, atol=1e-15)


def test_the_shipped_forest_gives_the_scores_of_scikit_learn() -> None:
    """3,000 rows between, beside and far from the probes of the canary."""
    content = (shipped_bundle() / "estimator.skops").read_bytes()
    forest, reference = from_skops(content), skops.io.loads(content, trusted=["sklearn.tree._tree.Tree"])
    probes = canary.from_npz((shipped_bundle() / "canary.npz").read_bytes()).inputs
    rng = np.random.default_rng(15)
    rows = probes[rng.integers(len(probes), size=3000)] + rng.normal(size=(3000, probes.shape[1])) * probes.std(axis=0)
    assert np.array_equal(canary.hot_probability(forest, rows), canary.hot_probability(reference, rows))
    assert np.array_equal(forest.feature_importances_, reference.feature_importances_)


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e39])
def test_a_value_that_cannot_be_compared_gives_no_probability(value: float) -> None:
    """A comparison with it would be false, and the case would take the branch above every threshold."""
    forest = forest_of(2, [(a_tree(), VALUES)])
    with pytest.raises(ValueError, match="single precision"):
        forest.predict_proba(np.array([[0.0, value]]))


@pytest.mark.parametrize(("field", "value"), [("left_child", 0), ("right_child", 3), ("feature", 2), ("feature", -1)])
def test_node_that_points_outside_the_tree_is_refused(field: str, value: int) -> None:
    """Nothing follows an index before it was checked: neither to itself, nor beyond the tree or the columns."""
    nodes = a_tree()
    nodes[field][0] = value
    with pytest.raises(SignatureError, match="tree 1 refers to a node outside"):
        forest_of(2, [(a_tree(), VALUES), (nodes, VALUES)])


@pytest.mark.parametrize("wrong", [VALUES * np.nan, VALUES * 2, VALUES[:2], VALUES[:, 0]])
def test_leaves_without_probabilities_are_refused(wrong: np.ndarray) -> None:
    """NaN compares as below every threshold, which would read as cold."""
    with pytest.raises(SignatureError, match="holds no probabilities"):
        forest_of(2, [(a_tree(), wrong)])


def test_nodes_of_another_version_are_refused() -> None:
    """Before scikit-learn 1.3, nodes had other fields, and leaves held weights instead of shares."""
    nodes = a_tree()[[name for name in NODE_FIELDS if name != "missing_go_to_left"]]
    with pytest.raises(SignatureError, match="missing_go_to_left"):
        forest_of(2, [(nodes, VALUES)])
