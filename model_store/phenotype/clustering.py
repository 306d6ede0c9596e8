"""Clusters of cases by k-means, and how many there are."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.cluster import KMeans

from model_store.errors import StudyError
from model_store.phenotype.cluster_indices import INDICES, Partitions, Values, silhouettes
from model_store.phenotype.scatter_indices import SCATTER_INDICES

Floats = NDArray[np.float64]
Labels = NDArray[np.intp]

STARTS = 50
"""Of k-means, from different seeds; the best is kept."""
GAP_SAMPLES = 50
GAP_STARTS = 3
GAP = "Gap"


@dataclass(frozen=True)
class Clusters:
    """Cases by cluster, and the votes for the number of clusters."""

    labels: Labels
    """0 is the largest cluster."""
    silhouette: Floats
    """Of each case."""
    votes: pd.DataFrame
    """One row per index: ``index, source, choice`` and its value for each number of clusters, ``k=2`` ...

    An index that is not defined for these cases has no row.
    """

    @property
    def number(self) -> int:
        """How many there are."""
        return int(self.labels.max()) + 1

    @property
    def tally(self) -> dict[int, int]:
        """The number of indices that chose each number of clusters; 1 (gap statistic, Hartigan) means no clusters."""
        counted = Counter(int(choice) for choice in self.votes["choice"])
        return dict(sorted(counted.items()))


def find_clusters(data: Floats, most: int, seed: int, number: int | None = None) -> Clusters:
    """Split cases (rows) into as many clusters as most indices vote for, from 2 to `most`; or into `number`.

    A tied vote goes to the number with the better silhouette.

    Raises
    ------
    StudyError
        Too few distinct cases for this number of clusters.
    """
    different = len(np.unique(data, axis=0))
    if different < 2 * (most + 1):
        raise StudyError(
            f"{different} different cases are too few for up to {most} clusters; "
            f"expected at least {2 * (most + 1)}, or a smaller most_clusters"
        )
    labels = {k: partition(data, k, seed) for k in range(1, most + 2)}
    votes = _votes(Partitions(data, labels), seed)
    chosen = labels[number or _elected(votes)]
    return Clusters(chosen, silhouettes(data, chosen), votes)


def partition(data: Floats, clusters: int, seed: int, starts: int = STARTS) -> Labels:
    """Return the labels of k-means, the largest cluster first."""
    found = KMeans(clusters, n_init=starts, random_state=seed).fit(data).labels_
    order = np.argsort(-np.bincount(found, minlength=clusters), kind="stable")
    return np.asarray(np.argsort(order)[found], np.intp)


def _votes(partitions: Partitions, seed: int) -> pd.DataFrame:
    rows = []
    for index in (*INDICES, *SCATTER_INDICES):
        values = index.values(partitions)
        if np.isfinite(list(values.values())).all():
            rows.append(_row(index.name, index.source, index.choose(values), values))
    gap, error = gap_statistic(partitions.data, partitions.labels, seed)
    rows.append(_row(GAP, "Tibshirani et al. 2001", gap_rule(gap, error), gap))
    numbers = [f"k={k}" for k in partitions.labels]
    return pd.DataFrame(rows, columns=["index", "source", "choice", *numbers])


def _row(name: str, source: str, choice: int, values: Values) -> dict[str, str | int | float]:
    row: dict[str, str | int | float] = {"index": name, "source": source, "choice": choice}
    return row | {f"k={k}": float(value) for k, value in values.items()}


def _elected(votes: pd.DataFrame) -> int:
    tally = Counter(int(choice) for choice in votes["choice"] if choice > 1)
    silhouette = votes[votes["index"] == "Silhouette"].iloc[0].to_dict()
    return max(tally, key=lambda k: (tally[k], float(silhouette[f"k={k}"])))


def gap_statistic(data: Floats, labels: Mapping[int, Labels], seed: int) -> tuple[Values, Values]:
    """Return the gap of each number of clusters and its error (Tibshirani et al., J R Stat Soc B 63:411, 2001).

    The reference is uniform in the box along the data's principal axes.
    """
    centred = data - data.mean(axis=0)
    axes = np.linalg.svd(centred, full_matrices=False)[2]
    turned = centred @ axes.T
    low, high = turned.min(axis=0), turned.max(axis=0)
    rng = np.random.default_rng(seed)
    reference: dict[int, list[float]] = {k: [] for k in labels}
    for _ in range(GAP_SAMPLES):
        sample = rng.uniform(low, high, turned.shape)
        for k in labels:
            within = Partitions(sample, {k: partition(sample, k, seed, GAP_STARTS)}).within(k)
            reference[k].append(np.log(within))
    real = Partitions(data, labels)
    gap = {k: float(np.mean(reference[k]) - np.log(real.within(k))) for k in labels}
    error = {k: float(np.std(reference[k]) * np.sqrt(1 + 1 / GAP_SAMPLES)) for k in labels}
    return gap, error


def gap_rule(gap: Values, error: Values) -> int:
    """Choose the first number whose gap is not beaten by the next one's less its error, or else the last choice."""
    choices = sorted(gap)[:-1]
    return next((k for k in choices if gap[k] >= gap[k + 1] - error[k + 1]), choices[-1])
