"""A random forest of two classes as arrays, evaluated with NumPy alone.

scikit-learn trains forests and defines their votes, which it calls probabilities; here the same comparisons and sums
are made in the same order, so that every vote has the same bits. A worker then needs neither scikit-learn nor what that
imports.
"""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model_store.errors import SignatureError

NODE_FIELDS: Mapping[str, str] = MappingProxyType(
    {
        "left_child": "<i8",
        "right_child": "<i8",
        "feature": "<i8",
        "threshold": "<f8",
        "impurity": "<f8",
        "n_node_samples": "<i8",
        "weighted_n_node_samples": "<f8",
        "missing_go_to_left": "|u1",
    }
)
"""Of scikit-learn's array of nodes, from version 1.3 on: name and type."""
_LEAF = -1


@dataclass(frozen=True, eq=False)
class Forest:
    """The nodes of all trees, one tree after the other; the methods have the names that scikit-learn gives them.

    A leaf is its own child, so that each row can take the same number of steps in each tree.
    """

    n_features_in_: int
    roots: NDArray[np.int64]
    """Index of each tree's first node."""
    children: NDArray[np.int64]
    """(nodes, 2): where a value above the threshold goes, and where one up to the threshold goes."""
    feature: NDArray[np.int64]
    """The column that a node compares; 0 for a leaf."""
    threshold: NDArray[np.float64]
    values: NDArray[np.float64]
    """(nodes, 2): share of the training cases that are cold, and hot."""
    impurity: NDArray[np.float64]
    """Gini impurity, times the weight of the node's training cases."""
    root_weights: NDArray[np.float64]
    """Weight of all training cases, by tree."""
    depth: int
    """Of the deepest tree: the number of comparisons."""

    def predict_proba(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the mean votes for cold and hot, (cases, 2), of rows (cases, columns).

        Raises
        ------
        ValueError
            A value is not finite in single precision, in which the trees compare.
        """
        at = self._starts(rows)
        single = _single(rows)
        for _ in range(self.depth):
            at = self._next(at, single)
        # Added one after the other, as scikit-learn does: NumPy's own sum of a column has another order.
        total: NDArray[np.float64] = np.add.accumulate(self.values[at], axis=0)[-1]
        return total / len(self.roots)

    def decision_paths(self, row: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return the nodes that one row (1, columns) passes, (trees, depth + 1); a leaf is repeated to the end.

        Raises
        ------
        ValueError
            As `predict_proba`.
        """
        single = _single(row)
        path = [self._starts(row)]
        for _ in range(self.depth):
            path.append(self._next(path[-1], single))
        return np.hstack(path)

    @functools.cached_property
    def hot_share(self) -> NDArray[np.float64]:
        """Share of the training cases that are hot, by node."""
        share: NDArray[np.float64] = self.values[:, 1] / self.values.sum(axis=1)
        return share

    @functools.cached_property
    def feature_importances_(self) -> NDArray[np.float64]:
        """Share of each column in the decrease of impurity, (columns,): the mean of the trees, with the sum 1."""
        inner = np.flatnonzero(self.children[:, 0] != np.arange(len(self.children)))
        tree = np.searchsorted(self.roots, inner, side="right") - 1
        right, left = self.impurity[self.children[inner]].T
        decreases = np.zeros((len(self.roots), self.n_features_in_))
        np.add.at(decreases, (tree, self.feature[inner]), self.impurity[inner] - left - right)
        decreases /= self.root_weights[:, None]
        totals = decreases.sum(axis=1, keepdims=True)
        shares = np.divide(decreases, totals, out=decreases, where=totals > 0)[np.unique(tree)]
        mean: NDArray[np.float64] = shares.mean(axis=0) if len(shares) else np.zeros(self.n_features_in_)
        return mean / mean.sum() if len(shares) else mean

    def _starts(self, rows: NDArray[np.float64]) -> NDArray[np.int64]:
        return np.repeat(self.roots[:, None], len(rows), axis=1)

    def _next(self, at: NDArray[np.int64], single: NDArray[np.float32]) -> NDArray[np.int64]:
        """Return the node that follows each of ``at`` (trees, cases)."""
        below = single[np.arange(len(single)), self.feature[at]] <= self.threshold[at]
        return self.children[at, below.astype(np.int64)]


def _single(rows: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return the rows in single precision: the trees compare in it."""
    with np.errstate(over="ignore"):
        single = np.asarray(rows, dtype=np.float32)
    if not np.isfinite(single).all():
        raise ValueError("a feature is not a number, or too large for single precision")
    return single


def forest_of(columns: int, trees: Sequence[tuple[NDArray[Any], NDArray[np.float64]]]) -> Forest:
    """Return a forest of trees, each given by scikit-learn's array of nodes and its values, (nodes, 1, 2).

    Raises
    ------
    SignatureError
        A tree is no tree, or refers to a node outside itself or to a column that does not exist: nothing may follow
        its indices.
    """
    for number, (nodes, values) in enumerate(trees):
        _check(number, columns, nodes, values)
    sizes = np.array([len(nodes) for nodes, _ in trees])
    roots = np.cumsum(sizes) - sizes
    nodes = np.concatenate([nodes for nodes, _ in trees])
    own = np.arange(len(nodes))
    shift = np.repeat(roots, sizes)
    is_leaf = nodes["left_child"] == _LEAF
    left, right = (np.where(is_leaf, own, nodes[side] + shift) for side in ("left_child", "right_child"))
    children = np.stack((right, left), axis=1)
    return Forest(
        n_features_in_=columns,
        roots=roots,
        children=children,
        feature=np.where(is_leaf, 0, nodes["feature"]),
        threshold=np.ascontiguousarray(nodes["threshold"]),
        values=np.concatenate([values[:, 0, :] for _, values in trees]),
        impurity=nodes["weighted_n_node_samples"] * nodes["impurity"],
        root_weights=nodes["weighted_n_node_samples"][roots],
        depth=_depth(children, roots),
    )


def _check(number: int, columns: int, nodes: NDArray[Any], values: NDArray[np.float64]) -> None:
    if {name: nodes.dtype[name].str for name in nodes.dtype.names or ()} != NODE_FIELDS or values.dtype != np.float64:
        raise SignatureError(
            f"estimator.skops: tree {number} has other fields than {', '.join(NODE_FIELDS)}: build the signature "
            "again with the version of scikit-learn that this program locks"
        )
    own = np.arange(nodes.size)
    inner = nodes["left_child"] != _LEAF
    sound = (
        nodes.ndim == 1
        and len(nodes) > 0
        and values.shape == (len(nodes), 1, 2)
        and np.all((values >= 0) & (values <= 1))
        and np.array_equal(inner, nodes["right_child"] != _LEAF)
        and all(
            np.all((nodes[side][inner] > own[inner]) & (nodes[side][inner] < len(nodes)))
            for side in ("left_child", "right_child")
        )
        and np.all((nodes["feature"][inner] >= 0) & (nodes["feature"][inner] < columns))
    )
    if not sound:
        raise SignatureError(
            f"estimator.skops: tree {number} refers to a node outside the tree, or holds no probabilities: "
            "do not use this file"
        )


def _depth(children: NDArray[np.int64], roots: NDArray[np.int64]) -> int:
    """Return the number of steps after which every path from a root has reached a leaf."""
    depth, at = 0, roots
    while True:
        following = np.unique(children[at])
        if np.array_equal(following, np.unique(at)):
            return depth
        at, depth = following, depth + 1
