"""Indices of scatter and density that vote on the number of clusters, against R, SAS and sums done by hand."""

import csv
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_iris

from model_store.phenotype import scatter_indices
from model_store.phenotype.cluster_indices import Partitions
from model_store.phenotype.clustering import find_clusters


@pytest.fixture(scope="module")
def iris() -> Partitions:
    """Return Fisher's irises in their species; in two clusters, the two species that are alike are one."""
    data, species = load_iris(return_X_y=True)
    ones = np.zeros(len(data), np.intp)
    return Partitions(data, {1: ones, 2: np.minimum(species, 1), 3: species, 4: species})


def test_indices_of_scatter_matrices_equal_rs_manova(iris: Partitions) -> None:
    """Wilks' lambda is det W / det T, the trace of Hotelling and Lawley that of B by W (`r/scatter.R`)."""
    with (Path(__file__).parent / "r" / "scatter.csv").open() as file:
        r = {row["name"]: float(row["value"]) for row in csv.DictReader(file)}
    for k in (2, 3):
        wilks = r[f"{k}.wilks"]
        assert scatter_indices.scott(iris)[k] == pytest.approx(-150 * np.log(wilks), rel=1e-9)
        assert scatter_indices.marriot(iris)[k] == pytest.approx(k**2 * wilks, rel=1e-9)
        assert scatter_indices.rubin(iris)[k] == pytest.approx(1 / wilks, rel=1e-9)
        assert scatter_indices.friedman(iris)[k] == pytest.approx(r[f"{k}.hotelling"], rel=1e-9)
        assert scatter_indices.trace_covariance(iris)[k] == pytest.approx(r[f"{k}.trcovw"], rel=1e-9)


@pytest.mark.parametrize(("clusters", "explained", "expected"), [(2, 0.776410, 14.806), (3, 0.884275, 25.021)])
def test_cubic_clustering_criterion_is_that_of_sas(clusters: int, explained: float, expected: float) -> None:
    """Fisher's irises by PROC FASTCLUS (SAS/STAT User's Guide): over-all R-squared, and the criterion of it.

    FASTCLUS takes the variables for uncorrelated, so their standard deviations are the axes.
    """
    lengths = np.sort(load_iris(return_X_y=True)[0].std(axis=0, ddof=1))[::-1]
    assert scatter_indices.cubic_criterion(lengths, explained, 150, clusters) == pytest.approx(expected, abs=0.001)


def test_scattering_and_separation_equal_sums_by_hand() -> None:
    """Points 0, 1, 10, 11, 30 on a line: variance 116.24; centres 5.5, 30 and 0.5, 10.5, 30."""
    data = np.array([[0.0], [1], [10], [11], [30]])
    labels = {1: [0] * 5, 2: [0, 0, 0, 0, 1], 3: [0, 0, 1, 1, 2], 4: [0, 0, 1, 2, 3]}
    p = Partitions(data, {k: np.array(v) for k, v in labels.items()})
    scattering = {2: 25.25 / 2 / 116.24, 3: (0.25 + 0.25) / 3 / 116.24}
    separation = {2: 2 / 24.5, 3: 29.5 / 10 * (1 / 39.5 + 1 / 29.5 + 1 / 49)}
    expected = {k: separation[3] * scattering[k] + separation[k] for k in (2, 3)}
    assert scatter_indices.sd_index(p) == pytest.approx(expected)


def test_density_between_centres_equals_counts_by_hand() -> None:
    """Points -1, 0, 1 and 2, 3, 4: 0.577 around each centre lies one case, around the middle lie two."""
    data = np.array([[-1.0], [0], [1], [2], [3], [4]])
    p = Partitions(data, {k: np.array([0, 0, 0, 1, 1, 1]) for k in (1, 2, 3)})
    assert scatter_indices.s_dbw(p)[2] == pytest.approx((2 / 3) / (17.5 / 6) + 2 / 1)


def test_data_in_a_plane_give_the_numbers_of_the_plane(iris: Partitions) -> None:
    """Cases that are scaled to a mean of 0 have no determinant in all their dimensions."""
    flat = Partitions(np.hstack([iris.data, -iris.data.sum(axis=1, keepdims=True)]), iris.labels)
    assert scatter_indices.scott(flat) == pytest.approx(scatter_indices.scott(iris), rel=1e-6)
    assert scatter_indices.friedman(flat) == pytest.approx(scatter_indices.friedman(iris), rel=1e-6)


def test_an_index_that_is_not_defined_has_no_vote() -> None:
    """Twenty cases of 24 dimensions have no determinant within eight clusters; the others still vote."""
    data = np.random.default_rng(1).normal(size=(20, 24))
    data[:8] += 2
    votes = find_clusters(data, 8, 1).votes
    assert set(votes["index"]).isdisjoint({"Scott", "Marriot", "Friedman", "Rubin"})
    assert {"CCC", "TrCovW", "SD", "SDbw", "Silhouette", "Gap"} <= set(votes["index"])
    assert len(votes) == 20
    assert np.isfinite(votes["choice"]).all()
