"""Refuses cohorts with leaks: labels or their equivalents among the features, or the same patient twice."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from model_store.cohort.feature_table import FeatureTable
from model_store.errors import LeakError

LABEL_WORDS = ("phenotype", "label", "outcome", "class", "hot", "cold", "target")
PERMUTATIONS = 1000
FAMILY_WISE_ERROR = 0.05
MAX_SINGLE_AUC = 0.95
"""A single measured feature that separates the classes better, and better than in any permutation, is a label."""
LONE_CORRELATION = 0.5
"""Radiomics features come in families; a strong column that correlates less with all others is unusual."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Separation:
    """How well single columns separate the classes, against the best of all columns under permuted labels."""

    columns: int
    limit: float
    """AUC that the best column reaches in 5 % of the permutations (Westfall and Young's maximum statistic)."""
    highest: float
    """AUC of the best column in any permutation."""
    beyond: dict[str, float]
    """AUC of the columns above the limit, in the better direction; the strongest first."""
    lone: tuple[str, ...]
    """Those of them that no other column correlates with."""

    def notes(self, shown: int = 3) -> list[str]:
        """Return notes for the report."""
        if not self.beyond:
            return []
        strongest = ", ".join(f"{name} {auc:.3f}" for name, auc in list(self.beyond.items())[:shown])
        beyond = (
            f"{len(self.beyond)} of {self.columns} columns separate the classes by themselves beyond the permutation "
            f"limit of the best column, AUC {self.limit:.3f}: {strongest}; make sure that none of them was "
            "derived from the label"
        )
        found = [beyond]
        if self.lone:
            found.append(
                f"no other column correlates with {', '.join(self.lone[:shown])}, as features of one image do: "
                "check where these values come from"
            )
        return found


def require_no_label(table: FeatureTable, seed: int = 0) -> Separation:
    """Refuse a feature that is the label, by name or by value; return how well single columns separate the classes.

    Raises
    ------
    LeakError
        A column has the name of a label, or separates the classes better than a feature can.
    """
    if named := [name for name in table.columns if name.rpartition("_")[2].lower() in LABEL_WORDS]:
        raise LeakError(f"column {named[0]} has the name of a label; remove labels from the features")
    found = separation(table, seed)
    refused = {name: auc for name, auc in found.beyond.items() if auc > max(found.highest, MAX_SINGLE_AUC)}
    if refused:
        name, auc = next(iter(refused.items()))
        hot = int(table.hot.sum())
        raise LeakError(
            f"column {name} separates {hot} hot from {len(table.hot) - hot} cold cases with an AUC of {auc:.3f} "
            f"({len(refused)} such columns; the best of {found.columns} columns reaches {found.highest:.3f} under "
            f"{PERMUTATIONS} permutations of the labels): a label among the features; remove it or find the cause"
        )
    return found


def separation(table: FeatureTable, seed: int = 0, permutations: int = PERMUTATIONS) -> Separation:
    """Compare each column's AUC with the best column's under labels permuted among patients.

    A missing value counts as the lowest value, because it can depend on the class as well.
    """
    ranks = rankdata(np.where(np.isnan(table.values), -np.inf, table.values), axis=0)
    _, first, of = np.unique(np.array(table.patients), return_index=True, return_inverse=True)
    labels = table.hot[first]
    rng = np.random.default_rng(seed)
    permuted = np.array([rng.permutation(labels)[of] for _ in range(permutations)]).reshape(permutations, len(of))
    highest = _auc(ranks, permuted).max(axis=1)
    own = _auc(ranks, table.hot[None])[0]
    limit = float(np.quantile(highest, 1 - FAMILY_WISE_ERROR, method="higher"))
    order = [int(index) for index in np.argsort(-own, kind="stable") if own[index] > limit]
    return Separation(
        columns=len(table.columns),
        limit=limit,
        highest=float(highest.max()),
        beyond={table.columns[index]: float(own[index]) for index in order},
        lone=tuple(table.columns[index] for index in _lone(ranks, order)),
    )


def _auc(ranks: Floats, labels: NDArray[np.bool_]) -> Floats:
    """Return the AUC (labellings, columns) in the better direction, by the rank sum; 0.5 where a class is empty."""
    hot = labels.sum(axis=1, dtype=np.float64)[:, None]
    pairs = hot * (labels.shape[1] - hot)
    with np.errstate(invalid="ignore", divide="ignore"):
        auc = (labels.astype(np.float64) @ ranks - hot * (hot + 1) / 2) / pairs
    return np.where(pairs > 0, np.maximum(auc, 1 - auc), 0.5)


def _lone(ranks: Floats, columns: Sequence[int]) -> list[int]:
    """Return those of the columns whose ranks correlate with no other column's."""
    centred = ranks - ranks.mean(axis=0)
    length = np.sqrt(np.square(centred).sum(axis=0))
    standard = centred / np.where(length > 0, length, 1)
    correlation = np.abs(standard[:, list(columns)].T @ standard)
    correlation[np.arange(len(columns)), list(columns)] = 0
    return [column for column, row in zip(columns, correlation, strict=True) if row.max() < LONE_CORRELATION]
