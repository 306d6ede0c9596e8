"""Which pathways differ between the phenotypes: by sample (ssGSEA) and by the ranking of all genes (GSEA)."""

import numpy as np
import pandas as pd
from scipy.stats import ttest_ind

from model_store.phenotype.abundance import ssgsea
from model_store.phenotype.gene_sets import GeneSets
from model_store.phenotype.phenotype import COLD, HOT
from model_store.statistics.group_comparison import comparison_table
from model_store.statistics.optional_libraries import study_library

PERMUTATIONS = 1000
MIN_GENES, MAX_GENES = 5, 500
"""Of a pathway, for GSEA: with fewer its permutations say little."""


def pathway_scores(expression: pd.DataFrame, pathways: GeneSets, phenotype: "pd.Series[str]") -> pd.DataFrame:
    """Compare the ssGSEA scores of each pathway between the phenotypes: the table of `comparison_table`."""
    return comparison_table(ssgsea(expression, pathways).T, phenotype, (HOT, COLD))


def ranked_enrichment(
    expression: pd.DataFrame, pathways: GeneSets, phenotype: "pd.Series[str]", first: str, seed: int
) -> pd.DataFrame:
    """Rank all genes by how much higher they are in phenotype `first` (Welch's t), and test pathways on the ranking.

    GSEA of Subramanian et al., PNAS 102:15545 (2005), preranked. Returns, strongest first, ``pathway, genes, es, nes,
    p, q, leading_edge``; q is GSEA's own false discovery rate. Empty where no pathway has 5 to 500 genes in the matrix.
    """
    sizes = {name: genes for name, genes in pathways.items() if MIN_GENES <= len(genes) <= MAX_GENES}
    columns = ["pathway", "genes", "es", "nes", "p", "q", "leading_edge"]
    if not sizes:
        return pd.DataFrame(columns=columns)
    ranking = gene_ranking(expression, phenotype, first)
    found = (
        study_library("gseapy")
        .prerank(
            rnk=ranking,
            gene_sets={name: list(genes) for name, genes in sizes.items()},
            min_size=MIN_GENES,
            max_size=MAX_GENES,
            permutation_num=PERMUTATIONS,
            seed=seed,
            threads=1,
            outdir=None,
            no_plot=True,
        )
        .res2d
    )
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
    return table.loc[order, columns].reset_index(drop=True)


def gene_ranking(expression: pd.DataFrame, phenotype: "pd.Series[str]", first: str) -> "pd.Series[float]":
    """Return Welch's t of each gene, `first` against the rest, largest first; genes that never change are left out.

    Ties stand in the file's order, a billionth apart.
    """
    labels = phenotype.loc[expression.columns.intersection(phenotype.index)]
    values = expression[labels.index].to_numpy(np.float64)
    changing = np.ptp(values, axis=1) > 0
    is_first = (labels == first).to_numpy()
    t = ttest_ind(values[changing][:, is_first], values[changing][:, ~is_first], axis=1, equal_var=False).statistic
    ranking = pd.Series(t, index=expression.index[changing]).dropna()
    ranking = ranking.sort_values(ascending=False, kind="stable")
    return ranking - np.arange(len(ranking)) * 1e-9
