"""Pathways that differ between the phenotypes, and those that only seem to."""

import numpy as np
import pandas as pd
import pytest

from model_store.phenotype.enrichment import ranked_enrichment
from model_store.phenotype.figures import running_sums_figure

pytest.importorskip("gseapy", reason="needs the study extra")
NULLS, GENES, PATIENTS = 30, 20, 40


@pytest.fixture(scope="module")
def planted() -> tuple[pd.DataFrame, dict[str, tuple[str, ...]], "pd.Series[str]"]:
    """Return 31 pathways whose genes go along with each other; only the first follows the phenotype."""
    rng = np.random.default_rng(7)
    patients = [f"P{number}" for number in range(PATIENTS)]
    phenotype = pd.Series(["hot" if number % 2 else "cold" for number in range(PATIENTS)], patients)
    rows, sets = {}, {}
    for at in range(NULLS + 1):
        shared = rng.normal(size=PATIENTS) + (1.5 * (phenotype == "hot").to_numpy() if at == 0 else 0)
        genes = tuple(f"G{at:02d}X{number:02d}" for number in range(GENES))
        sets["planted" if at == 0 else f"null {at}"] = genes
        rows |= {gene: 6 + shared + 0.8 * rng.normal(size=PATIENTS) for gene in genes}
    rows |= {f"B{number:04d}": 6 + rng.normal(size=PATIENTS) for number in range(600)}
    return pd.DataFrame(rows, patients).T, sets, phenotype


def test_the_planted_pathway_is_found_and_correlated_nulls_stay_null(
    planted: tuple[pd.DataFrame, dict[str, tuple[str, ...]], "pd.Series[str]"],
) -> None:
    """With permuted phenotypes about 5 % of the nulls have a p value below 0.05; permuted genes would find far more."""
    expression, sets, phenotype = planted
    found = ranked_enrichment(expression, sets, phenotype, "hot", 1)
    assert found is not None
    table = found.table.set_index("pathway")
    assert table.index[0] == "planted"
    assert table.loc["planted", "nes"] > 0
    assert table.loc["planted", "q"] < 0.05
    nulls = table.drop("planted")
    assert (nulls["p"] < 0.05).mean() <= 0.2
    assert nulls["q"].min() > 0.05
    gseapy = pytest.importorskip("gseapy")
    ranking = pd.Series(found.ranking, range(len(found.ranking)))
    assert ranking.is_monotonic_decreasing
    by_genes = gseapy.gsea(
        data=expression,
        gene_sets={name: list(genes) for name, genes in sets.items()},
        cls=phenotype.tolist(),
        permutation_type="gene_set",
        permutation_num=200,
        min_size=5,
        seed=1,
        outdir=None,
        no_plot=True,
    ).res2d.set_index("Term")
    assert (by_genes.drop("planted")["NOM p-val"].astype(float) < 0.05).mean() > 0.4


def test_running_sums_reach_the_enrichment_score_and_are_drawn(
    planted: tuple[pd.DataFrame, dict[str, tuple[str, ...]], "pd.Series[str]"],
) -> None:
    """The farthest point of each walk is the score in the table; hits are the places of the pathway's genes."""
    expression, sets, phenotype = planted
    found = ranked_enrichment(expression, sets, phenotype, "hot", 1)
    assert found is not None
    for one, score in zip(found.running_sums, found.table["es"], strict=True):
        assert one.sums[np.argmax(np.abs(one.sums))] == pytest.approx(score, abs=1e-9)
        assert len(one.hits) == GENES
    turned = ranked_enrichment(expression, sets, phenotype, "cold", 1)
    assert turned is not None
    assert turned.table.set_index("pathway").loc["planted", "nes"] < 0
    figure = running_sums_figure(found)
    assert len(figure.axes) == 6 * 3
    assert figure.axes[0].get_title().startswith("planted")


def test_pathways_without_enough_genes_are_not_tested(
    planted: tuple[pd.DataFrame, dict[str, tuple[str, ...]], "pd.Series[str]"],
) -> None:
    """Four genes say too little."""
    expression, sets, phenotype = planted
    assert ranked_enrichment(expression, {"few": sets["planted"][:4]}, phenotype, "hot", 1) is None
