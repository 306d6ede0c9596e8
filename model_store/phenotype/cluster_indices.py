"""How well a partition fits its data: the indices that NbClust (Charrad et al., J Stat Softw 61:6, 2014) collects.

All of them read a `Partitions`: the same data, split into 1, 2, 3 ... clusters. Those of scatter matrices and densities
are in `model_store.phenotype.scatter_indices`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import pdist, squareform
from sklearn.metrics import calinski_harabasz_score, davies_bouldin_score, silhouette_score

Floats = NDArray[np.float64]
Labels = NDArray[np.intp]
Values = Mapping[int, float]


@dataclass(frozen=True)
class Partitions:
    """Data (cases, dimensions) and its labels for each number of clusters, from 1 to one more than can be chosen."""

    data: Floats
    labels: Mapping[int, Labels]

    @property
    def choices(self) -> range:
        """The numbers of clusters that can be chosen."""
        return range(2, max(self.labels))

    @cached_property
    def distances(self) -> Floats:
        """Euclidean, of each pair of cases."""
        return np.asarray(pdist(self.data))

    def between(self, clusters: int) -> NDArray[np.bool_]:
        """Tell which pairs lie in different clusters."""
        return np.asarray(pdist(self.labels[clusters][:, None], "hamming") > 0)

    def scatter(self, clusters: int) -> Floats:
        """Return the sum of squares within clusters for each dimension."""
        labels = self.labels[clusters]
        parts = [self.data[labels == label] for label in np.unique(labels)]
        return np.asarray(sum(((part - part.mean(axis=0)) ** 2).sum(axis=0) for part in parts))

    def within(self, clusters: int) -> float:
        """Return the sum of squares within clusters."""
        return float(self.scatter(clusters).sum())


def _each(measure: Callable[[Floats, Labels], float]) -> Callable[[Partitions], Values]:
    return lambda p: {k: float(measure(p.data, p.labels[k])) for k in p.choices}


def dunn(p: Partitions) -> Values:
    """Smallest distance between clusters over the largest diameter of a cluster."""
    return {k: float(p.distances[p.between(k)].min() / p.distances[~p.between(k)].max()) for k in p.choices}


def krzanowski_lai(p: Partitions) -> Values:
    """Drop of the scatter on the way to k over the drop after it."""
    power = 2 / p.data.shape[1]
    scatter = {k: k**power * p.within(k) for k in p.labels}
    drop = {k: scatter[k - 1] - scatter[k] for k in range(2, max(p.labels) + 1)}
    return {k: abs(drop[k] / drop[k + 1]) for k in p.choices}


def hartigan(p: Partitions) -> Values:
    """The gain of one more cluster."""
    n = len(p.data)
    return {k: (p.within(k) / p.within(k + 1) - 1) * (n - k - 1) for k in range(1, max(p.labels))}


def ball_hall(p: Partitions) -> Values:
    """Mean scatter of a cluster."""
    return {k: p.within(k) / k for k in p.choices}


def trace_within(p: Partitions) -> Values:
    """Scatter within clusters, from one cluster on."""
    return {k: p.within(k) for k in p.labels}


def mcclain_rao(p: Partitions) -> Values:
    """Mean distance within clusters over mean distance between them."""
    return {k: float(p.distances[~p.between(k)].mean() / p.distances[p.between(k)].mean()) for k in p.choices}


def c_index(p: Partitions) -> Values:
    """The sum of distances within clusters, scaled between the smallest and the largest possible sum."""
    ordered = np.sort(p.distances)
    found = {}
    for k in p.choices:
        within = ~p.between(k)
        pairs = int(within.sum())
        smallest, largest = ordered[:pairs].sum(), ordered[-pairs:].sum()
        found[k] = float((p.distances[within].sum() - smallest) / (largest - smallest))
    return found


def point_biserial(p: Partitions) -> Values:
    """Point-biserial correlation of a pair's distance with its being in different clusters."""
    return {k: float(np.corrcoef(p.distances, p.between(k))[0, 1]) for k in p.choices}


def ratkowsky_lance(p: Partitions) -> Values:
    """Mean share of a dimension's spread between clusters, divided by the root of their number."""
    total = p.scatter(1)
    return {k: float(np.mean(np.sqrt(1 - p.scatter(k) / total)) / np.sqrt(k)) for k in p.choices}


def _concordance(p: Partitions, clusters: int) -> tuple[int, int, int, int]:
    """Return concordant and discordant pairs of a distance within and one between, and how many there are of both."""
    flags = p.between(clusters)
    between, within = p.distances[flags], np.sort(p.distances[~flags])
    concordant = int(np.searchsorted(within, between, "left").sum())
    discordant = len(within) * len(between) - int(np.searchsorted(within, between, "right").sum())
    return concordant, discordant, len(within), len(between)


def gamma(p: Partitions) -> Values:
    """How much more often a distance between clusters is larger than one within."""
    found = {}
    for k in p.choices:
        concordant, discordant, _, _ = _concordance(p, k)
        found[k] = (concordant - discordant) / (concordant + discordant)
    return found


def g_plus(p: Partitions) -> Values:
    """Share of discordant pairs of distances."""
    pairs = len(p.distances)
    return {k: 2 * _concordance(p, k)[1] / (pairs * (pairs - 1)) for k in p.choices}


def tau(p: Partitions) -> Values:
    """Kendall's correlation of a pair's distance with its being in different clusters."""
    pairs = len(p.distances)
    half = pairs * (pairs - 1) / 2
    found = {}
    for k in p.choices:
        concordant, discordant, within, between = _concordance(p, k)
        tied = (within * (within - 1) + between * (between - 1)) / 2
        found[k] = (concordant - discordant) / np.sqrt((half - tied) * half)
    return found


def silhouettes(data: Floats, labels: Labels) -> Floats:
    """Return the silhouette of each case (Rousseeuw, J Comput Appl Math 20:53, 1987)."""
    from sklearn.metrics import silhouette_samples

    return np.asarray(silhouette_samples(squareform(pdist(data)), labels, metric="precomputed"))


def largest(values: Values) -> int:
    """Choose the number of clusters with the largest value."""
    return max(values, key=lambda k: (values[k], -k))


def smallest(values: Values) -> int:
    """Choose the number of clusters with the smallest value."""
    return min(values, key=lambda k: (values[k], k))


def largest_drop(values: Values) -> int:
    """Choose where the value falls most from the number before; the first can never be chosen."""
    return max(list(values)[1:], key=lambda k: values[k - 1] - values[k])


def sharpest_bend(values: Values) -> int:
    """Choose where the fall slows down most."""
    return max(list(values)[1:-1], key=lambda k: (values[k - 1] - values[k]) - (values[k] - values[k + 1]))


def hartigan_rule(values: Values) -> int:
    """Choose the first number from which one cluster more gains at most 10, or else the last."""
    return next((k for k, value in values.items() if value <= 10), max(values))


@dataclass(frozen=True)
class Index:
    """An index that votes for a number of clusters."""

    name: str
    source: str
    values: Callable[[Partitions], Values]
    choose: Callable[[Values], int]


INDICES = (
    Index("Silhouette", "Rousseeuw 1987", _each(silhouette_score), largest),
    Index("Calinski-Harabasz", "Calinski and Harabasz 1974", _each(calinski_harabasz_score), largest),
    Index("Davies-Bouldin", "Davies and Bouldin 1979", _each(davies_bouldin_score), smallest),
    Index("Dunn", "Dunn 1974", dunn, largest),
    Index("Krzanowski-Lai", "Krzanowski and Lai 1988", krzanowski_lai, largest),
    Index("Hartigan", "Hartigan 1975", hartigan, hartigan_rule),
    Index("Ball-Hall", "Ball and Hall 1965", ball_hall, largest_drop),
    Index("Trace W", "Milligan and Cooper 1985", trace_within, sharpest_bend),
    Index("McClain-Rao", "McClain and Rao 1975", mcclain_rao, smallest),
    Index("C index", "Hubert and Levin 1976", c_index, smallest),
    Index("Point-biserial", "Milligan 1981", point_biserial, largest),
    Index("Ratkowsky-Lance", "Ratkowsky and Lance 1978", ratkowsky_lance, largest),
    Index("Gamma", "Baker and Hubert 1975", gamma, largest),
    Index("G+", "Rohlf 1974", g_plus, smallest),
    Index("Tau", "Milligan 1981", tau, largest),
)
"""The gap statistic has to cluster other data too: `model_store.phenotype.clustering.gap_statistic`."""
