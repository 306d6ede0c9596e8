"""Indices that vote on the number of clusters, against R's fpc and against sums done by hand."""

import csv
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_iris

from model_store.phenotype import cluster_indices
from model_store.phenotype.cluster_indices import INDICES, Partitions

R_NAMES = {
    "Silhouette": "avg.silwidth",
    "Calinski-Harabasz": "ch",
    "Dunn": "dunn",
    "Trace W": "within.cluster.ss",
    "Point-biserial": "pearsongamma",
    "Gamma": "g2",
}


@pytest.fixture(scope="module")
def iris() -> Partitions:
    """Return Fisher's irises in their species; in two clusters, the two species that are alike are one."""
    data, species = load_iris(return_X_y=True)
    ones = np.zeros(len(data), np.intp)
    return Partitions(data, {1: ones, 2: np.minimum(species, 1), 3: species, 4: species})


@pytest.mark.parametrize("name", R_NAMES)
def test_index_equals_fpc(iris: Partitions, name: str) -> None:
    """Of two and of three clusters, as fpc's cluster.stats (`r/clusters.R`)."""
    with (Path(__file__).parent / "r" / "clusters.csv").open() as file:
        r = {row["name"]: float(row["value"]) for row in csv.DictReader(file)}
    index = next(index for index in INDICES if index.name == name)
    values = index.values(iris)
    assert [values[2], values[3]] == pytest.approx([r[f"{k}.{R_NAMES[name]}"] for k in (2, 3)], rel=1e-9)


def test_others_equal_sums_by_hand() -> None:
    """Points 0, 1, 10, 11, 30 on a line: sums of squares 597.2, 101.67 (31 and 3 by k), 1.0, 0.5, 0."""
    data = np.array([[0.0], [1], [10], [11], [30]])
    labels = {1: [0] * 5, 2: [0, 0, 0, 0, 1], 3: [0, 0, 1, 1, 2], 4: [0, 0, 1, 2, 3]}
    p = Partitions(data, {k: np.array(v) for k, v in labels.items()})
    within = {k: p.within(k) for k in labels}
    assert within == pytest.approx({1: 581.2, 2: 101.0, 3: 1.0, 4: 0.5})
    assert cluster_indices.hartigan(p) == pytest.approx({1: (581.2 / 101 - 1) * 3, 2: 100 * 2, 3: 1 * 1})
    # Drops of k^2 W: 581.2 - 404, 404 - 9, 9 - 8.
    assert cluster_indices.krzanowski_lai(p) == pytest.approx({2: 177.2 / 395, 3: 395 / 1})
    assert cluster_indices.ball_hall(p) == pytest.approx({2: 50.5, 3: 1 / 3})
    shares = {2: (1 - 101 / 581.2) ** 0.5 / 2**0.5, 3: (1 - 1 / 581.2) ** 0.5 / 3**0.5}
    assert cluster_indices.ratkowsky_lance(p) == pytest.approx(shares)
    # Distances: 1 1 9 10 10 11 19 20 29 30. In three clusters 1 + 1 lie within, the smallest sum possible.
    assert cluster_indices.c_index(p)[3] == 0
    assert cluster_indices.mcclain_rao(p)[2] == pytest.approx(7 / 24.5)
    # In two clusters 1 1 9 10 10 11 lie within, the smallest six of ten.
    assert cluster_indices.c_index(p)[2] == 0
    assert cluster_indices.gamma(p) == {2: 1, 3: 1}
    assert cluster_indices.g_plus(p) == {2: 0, 3: 0}
    # 45 pairs of distances; 15 + 6 of them tied in what the partition says, 24 concordant.
    assert cluster_indices.tau(p)[2] == pytest.approx(24 / np.sqrt(24 * 45))
