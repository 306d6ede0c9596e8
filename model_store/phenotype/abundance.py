"""The abundance of each cell population in a sample, estimated from its gene expression.

Single-sample gene set enrichment (ssGSEA) of Barbie et al., Nature 462:108 (2009), as R's GSVA computes it, and the
mean of marker genes as MCP-counter does (Becht et al., Genome Biology 17:218, 2016).
"""

import numpy as np
import pandas as pd

from model_store.errors import StudyError
from model_store.phenotype.gene_sets import GeneSets
from model_store.phenotype.plan import Scaling
from model_store.statistics.optional_libraries import study_library


def ssgsea(expression: pd.DataFrame, sets: GeneSets) -> pd.DataFrame:
    """Return the enrichment of each set (rows) in each sample (columns), divided by the range of all scores.

    Args:
        expression: genes in rows, samples in columns, any scale that keeps the order within a sample.
        sets: every gene has to be among the rows; one gene suffices.
    """
    gseapy = study_library("gseapy")
    scored = gseapy.ssgsea(
        data=_ranks(expression),
        gene_sets={name: list(genes) for name, genes in sets.items()},
        outdir=None,
        # The ranks are ours; gseapy's own break ties in another order than GSVA.
        sample_norm_method="custom",
        correl_norm_type=None,
        weight=0.25,
        min_size=1,
        max_size=len(expression),
        threads=1,
    ).res2d
    table: pd.DataFrame = scored.pivot_table(index="Term", columns="Name", values="NES", aggfunc="first", sort=False)
    return table.astype(np.float64).loc[list(sets), list(expression.columns)].rename_axis(index=None, columns=None)


def _ranks(expression: pd.DataFrame) -> pd.DataFrame:
    """Return whole ranks as GSVA makes them: ties share their mean rank, rounded down, and stand in the file's order.

    Thousands of genes with no read at all tie, and a set's walk depends on the order in which it meets them.
    """
    ranks = np.floor(expression.rank(axis=0, method="average").to_numpy(np.float64))
    first_first = np.arange(len(expression), 0, -1)[:, None] * 1e-9
    return pd.DataFrame(ranks + first_first, index=expression.index, columns=expression.columns)


def mean_of_markers(expression: pd.DataFrame, sets: GeneSets) -> pd.DataFrame:
    """Return the mean logarithm of each set's genes (rows) in each sample (columns)."""
    means = {name: expression.loc[list(genes)].mean() for name, genes in sets.items()}
    return pd.DataFrame(means).T[list(expression.columns)]


def scaled(abundance: pd.DataFrame, scaling: Scaling) -> pd.DataFrame:
    """Return abundances (populations in rows) as z-scores.

    Raises
    ------
    StudyError
        A population, or a sample, in which nothing differs.
    """
    if scaling is Scaling.NONE:
        return abundance
    if scaling is Scaling.SAMPLE:
        return _z_scores_of_columns(abundance)
    return _z_scores_of_columns(abundance.T).T


def _z_scores_of_columns(table: pd.DataFrame) -> pd.DataFrame:
    spread = table.std()
    if not (spread > 0).all():
        raise StudyError("all abundances of a sample or a population are equal; remove it")
    return (table - table.mean()) / spread
