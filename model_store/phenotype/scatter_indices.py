"""More of the indices that NbClust collects: of scatter matrices and of densities.

A scatter matrix has no inverse where cases lie in a plane of their space, as those do that are scaled to a mean of 0
each. So everything is computed along the principal axes in which cases differ. With fewer cases than axes and clusters
there is no determinant at all: an index that is not finite has no vote.

Duda, pseudo t2, Beale and Frey ask whether one cluster was rightly split in two: k-means does not split clusters. The
index of Hubert and the D index are read off a plot by eye, and have no vote in NbClust either.
"""

from itertools import permutations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import pdist, squareform

from model_store.phenotype.cluster_indices import Floats, Index, Partitions, Values, largest, smallest

NEGLIGIBLE = 1e-9
"""Of the largest axis: what is shorter is rounding."""


def axes(data: Floats) -> Floats:
    """Return centred data along its principal axes, the longest first, without those in which no case differs."""
    centred = data - data.mean(axis=0)
    _, lengths, turn = np.linalg.svd(centred, full_matrices=False)
    return np.asarray(centred @ turn[lengths > NEGLIGIBLE * lengths[0]].T)


def within_matrix(data: Floats, labels: NDArray[np.intp]) -> Floats:
    """Return the sum of squares and products within clusters."""
    residual = np.vstack([part - part.mean(axis=0) for part in _parts(data, labels)])
    return np.asarray(residual.T @ residual)


def _matrices(p: Partitions) -> dict[int, Floats]:
    data = axes(p.data)
    return {k: within_matrix(data, labels) for k, labels in p.labels.items()}


def _log_determinant(matrix: Floats, cases: int, clusters: int) -> float:
    if cases - clusters < len(matrix):
        return float("nan")
    sign, value = np.linalg.slogdet(matrix)
    return float(value) if sign > 0 else float("nan")


def _log_ratios(p: Partitions) -> Values:
    """Return log(det T / det W) of each number of clusters."""
    n = len(p.data)
    logs = {k: _log_determinant(matrix, n, k) for k, matrix in _matrices(p).items()}
    return {k: logs[1] - log for k, log in logs.items()}


def scott(p: Partitions) -> Values:
    """Cases times the logarithm of the ratio of determinants, all scatter to that within clusters."""
    ratios = _log_ratios(p)
    return {k: len(p.data) * ratios[k] for k in p.choices}


def marriot(p: Partitions) -> Values:
    """Squared number of clusters times the determinant of the scatter within, relative to that of all scatter."""
    return {k: k**2 * float(np.exp(-value)) for k, value in _log_ratios(p).items() if k > 1}


def rubin(p: Partitions) -> Values:
    """Ratio of determinants, all scatter to that within clusters."""
    return {k: float(np.exp(value)) for k, value in _log_ratios(p).items() if k > 1}


def friedman(p: Partitions) -> Values:
    """Trace of the scatter between clusters by that within."""
    matrices, n = _matrices(p), len(p.data)
    total = matrices[1]
    return {
        k: float(np.trace(np.linalg.solve(matrices[k], total - matrices[k]))) if n - k >= len(total) else float("nan")
        for k in p.choices
    }


def trace_covariance(p: Partitions) -> Values:
    """Trace of the covariance of the scatter matrix within clusters, whose rows are taken as cases."""
    within = {k: np.cov(within_matrix(p.data, p.labels[k]), rowvar=False) for k in p.choices}
    return {k: float(np.trace(np.atleast_2d(covariance))) for k, covariance in within.items()}


def cubic_clustering(p: Partitions) -> Values:
    """Share of the scatter between clusters, against what cutting a uniform box into cubes would give."""
    data = axes(p.data)
    lengths = np.sqrt(np.square(data).sum(axis=0) / (len(data) - 1))
    explained = {k: 1 - p.within(k) / float(np.square(data).sum()) for k in p.choices}
    return {k: cubic_criterion(lengths, share, len(data), k) for k, share in explained.items()}


def cubic_criterion(lengths: Floats, explained: float, cases: int, clusters: int) -> float:
    """Return the cubic clustering criterion (Sarle, SAS Technical Report A-108, 1983).

    ``lengths`` are the standard deviations along the axes, the largest first; ``explained`` is the share of the scatter
    that lies between clusters.
    """
    cut = min(int((lengths >= _edge(lengths, clusters)).sum()), clusters - 1)
    # As many axes as are cut into more than one cube; all of them where that is none or all.
    cut = cut if 0 < cut < len(lengths) else len(lengths)
    cubes = lengths / _edge(lengths[:cut], clusters)
    left = (1 / (cases + cubes[:cut])).sum() + (np.square(cubes[cut:]) / (cases + cubes[cut:])).sum()
    expected = 1 - left / np.square(cubes).sum() * (cases - clusters) ** 2 / cases * (1 + 4 / cases)
    return float(np.log((1 - expected) / (1 - explained)) * np.sqrt(cases * cut / 2) / (0.001 + expected) ** 1.2)


def _edge(lengths: Floats, clusters: int) -> float:
    """Return the edge of the cubes that a box of these edges is cut into."""
    return float(np.exp((np.log(lengths).sum() - np.log(clusters)) / len(lengths)))


def _parts(data: Floats, labels: NDArray[np.intp]) -> list[Floats]:
    return [data[labels == label] for label in np.unique(labels)]


def _spread(part: Floats) -> float:
    return float(np.linalg.norm(part.var(axis=0)))


def scattering(data: Floats, labels: NDArray[np.intp]) -> float:
    """Return the mean spread of a cluster over that of all cases (Halkidi's Scat)."""
    return float(np.mean([_spread(part) for part in _parts(data, labels)])) / _spread(data)


def separation(data: Floats, labels: NDArray[np.intp]) -> float:
    """Return how near each other, and how unevenly so, the centres lie (Halkidi's Dis)."""
    distances = pdist(np.array([part.mean(axis=0) for part in _parts(data, labels)]))
    return float(distances.max() / distances.min() * (1 / squareform(distances).sum(axis=0)).sum())


def sd_index(p: Partitions) -> Values:
    """Scattering, weighted by the separation of the most clusters, and separation."""
    weight = separation(p.data, p.labels[max(p.choices)])
    return {k: weight * scattering(p.data, p.labels[k]) + separation(p.data, p.labels[k]) for k in p.choices}


def s_dbw(p: Partitions) -> Values:
    """Scattering, and how dense it is between two centres compared with around them."""
    return {k: scattering(p.data, p.labels[k]) + _density_between(p.data, p.labels[k]) for k in p.choices}


def _density_between(data: Floats, labels: NDArray[np.intp]) -> float:
    parts = _parts(data, labels)
    radius = float(np.sqrt(sum(_spread(part) for part in parts))) / len(parts)
    centres = [part.mean(axis=0) for part in parts]
    around = [_near(part, centre, radius) for part, centre in zip(parts, centres, strict=True)]
    ratios = [
        _near(np.vstack([parts[i], parts[j]]), (centres[i] + centres[j]) / 2, radius) / max(around[i], around[j])
        for i, j in permutations(range(len(parts)), 2)
        if max(around[i], around[j]) > 0
    ]
    return sum(ratios) / (len(parts) * (len(parts) - 1))


def _near(cases: Floats, centre: Floats, radius: float) -> int:
    """Return how many cases lie around a centre."""
    return int((np.linalg.norm(cases - centre, axis=1) <= radius).sum())


def largest_step(values: Values) -> int:
    """Choose where the value changes most from the number before; the first can never be chosen."""
    return max(list(values)[1:], key=lambda k: abs(values[k] - values[k - 1]))


def _bend(values: Values, k: int) -> float:
    return values[k + 1] - 2 * values[k] + values[k - 1]


def most_convex(values: Values) -> int:
    """Choose where the second difference is largest; neither end can be chosen."""
    return max(list(values)[1:-1], key=lambda k: _bend(values, k))


def most_concave(values: Values) -> int:
    """Choose where the second difference is smallest; neither end can be chosen."""
    return min(list(values)[1:-1], key=lambda k: _bend(values, k))


SCATTER_INDICES = (
    Index("CCC", "Sarle 1983", cubic_clustering, largest),
    Index("Scott", "Scott and Symons 1971", scott, largest_step),
    Index("Marriot", "Marriot 1971", marriot, most_convex),
    Index("TrCovW", "Milligan and Cooper 1985", trace_covariance, largest_step),
    Index("Friedman", "Friedman and Rubin 1967", friedman, largest_step),
    Index("Rubin", "Friedman and Rubin 1967", rubin, most_concave),
    Index("SD", "Halkidi et al. 2000", sd_index, smallest),
    Index("SDbw", "Halkidi and Vazirgiannis 2001", s_dbw, smallest),
)
