"""Which pathways differ between the phenotypes: by sample (ssGSEA) and by the ranking of all genes (GSEA).

GSEA permutes the phenotypes of the patients, not the genes. Genes of a pathway go along with each other whatever the
phenotype; permuted genes do not, so that pathways that have nothing to do with it would seem to differ.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from model_store.phenotype.abundance import ssgsea
from model_store.phenotype.gene_sets import GeneSets
from model_store.phenotype.phenotype import COLD, HOT
from model_store.statistics.group_comparison import comparison_table
from model_store.statistics.optional_libraries import study_library

PERMUTATIONS = 1000
MIN_GENES, MAX_GENES = 5, 500
"""Of a pathway, for GSEA: with fewer its permutations say little."""
COLUMNS = ("pathway", "genes", "es", "nes", "p", "q", "leading_edge")


@dataclass(frozen=True)
class RunningSum:
    """What GSEA adds up while it walks down the ranking of all genes, for one pathway."""

    pathway: str
    sums: NDArray[np.float64]
    """After each gene; the enrichment score is the farthest from 0."""
    hits: NDArray[np.intp]
    """Places of the pathway's genes in the ranking, from 0."""


@dataclass(frozen=True)
class Enrichment:
    """The result of GSEA."""

    table: pd.DataFrame
    """`COLUMNS`, strongest first; q is GSEA's own false discovery rate."""
    running_sums: tuple[RunningSum, ...]
    """In the order of the table."""
    ranking: NDArray[np.float64]
    """Signal to noise of each gene, `first` against the rest, largest first."""


def pathway_scores(expression: pd.DataFrame, pathways: GeneSets, phenotype: "pd.Series[str]") -> pd.DataFrame:
    """Compare the ssGSEA scores of each pathway between the phenotypes: the table of `comparison_table`."""
    return comparison_table(ssgsea(expression, pathways).T, phenotype, (HOT, COLD))


def ranked_enrichment(
    expression: pd.DataFrame, pathways: GeneSets, phenotype: "pd.Series[str]", first: str, seed: int
) -> Enrichment | None:
    """Rank all genes by how much higher they are in phenotype `first` (signal to noise), and test pathways on it.

    GSEA of Subramanian et al., PNAS 102:15545 (2005), with permuted phenotypes. None where no pathway has 5 to 500
    genes in the matrix.
    """
    sizes = {name: genes for name, genes in pathways.items() if MIN_GENES <= len(genes) <= MAX_GENES}
    if not sizes:
        return None
    labels = phenotype.loc[expression.columns.intersection(phenotype.index)]
    labels = labels.loc[(labels != first).sort_values(kind="stable").index]  # gseapy takes the first as the positive
    values = expression[labels.index]
    done = study_library("gseapy").gsea(
        data=values[np.ptp(values.to_numpy(np.float64), axis=1) > 0],
        gene_sets={name: list(genes) for name, genes in sizes.items()},
        cls=labels.tolist(),
        method="signal_to_noise",
        permutation_type="phenotype",
        permutation_num=PERMUTATIONS,
        min_size=MIN_GENES,
        max_size=MAX_GENES,
        seed=seed,
        threads=1,
        outdir=None,
        no_plot=True,
    )
    table = _table(done.res2d, sizes)
    sums = tuple(_running_sum(name, done.results[name]) for name in table["pathway"])
    return Enrichment(table, sums, done.ranking.to_numpy(np.float64))


def _table(found: pd.DataFrame, sizes: GeneSets) -> pd.DataFrame:
    least = 1 / (PERMUTATIONS + 1)  # what so many permutations can say; never 0
    table = pd.DataFrame(
        {
            "pathway": found["Term"].astype(str),
            "genes": [len(sizes[term]) for term in found["Term"]],
            "es": found["ES"].astype(np.float64),
            "nes": found["NES"].astype(np.float64),
            "p": found["NOM p-val"].astype(np.float64).clip(lower=least),
            "q": found["FDR q-val"].astype(np.float64).clip(lower=least),
            "leading_edge": found["Lead_genes"].str.replace(";", " "),
        }
    )
    order = table["nes"].abs().sort_values(ascending=False, kind="stable").index
    return table.loc[order, list(COLUMNS)].reset_index(drop=True)


def _running_sum(pathway: str, found: dict[str, Any]) -> RunningSum:
    return RunningSum(pathway, np.array(found["RES"], np.float64), np.array(found["hits"], np.intp))
