"""Frozen centroids: the phenotypes of another cohort by those of the cohort that they were found in.

Clusters are found anew in each cohort, so that hot and cold mean something else in each. A tumour is given here to the
nearer mean of the first cohort instead, one tumour at a time: no other tumour of its cohort changes its phenotype.
Abundances are z-scores over the populations of each tumour, so that a common scale or offset of a cohort cancels.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from model_store.cohort.labelled_cohort import read_table
from model_store.errors import StudyError
from model_store.phenotype.abundance import scaled
from model_store.phenotype.phenotype import COLD, HOT
from model_store.phenotype.plan import Scaling

POPULATION = "population"


def centroid_table(abundance: pd.DataFrame, phenotype: "pd.Series[str]") -> pd.DataFrame:
    """Return ``population, hot, cold``: the mean of each phenotype's z-scores. Abundance: populations in rows."""
    z_scores = scaled(abundance, Scaling.SAMPLE)
    means = {kind: z_scores.loc[:, phenotype.index[phenotype == kind]].mean(axis=1) for kind in (HOT, COLD)}
    return pd.DataFrame(means).rename_axis(POPULATION).reset_index()


def nearest_phenotypes(abundance: pd.DataFrame, file: Path) -> pd.DataFrame:
    """Return ``phenotype, silhouette`` by patient, from the centroids in a file.

    The silhouette is the simplified one (Hruschka et al., 2004): how much nearer the phenotype's centroid is than the
    other one, as a share of the distance to that; 0 half-way, 1 at the centroid.

    Raises
    ------
    StudyError
        The centroids are of other populations.
    TrainingError
        The file is no table of centroids.
    """
    centroids = read_table(file, (POPULATION, HOT, COLD)).set_index(POPULATION)
    if different := set(centroids.index) ^ set(abundance.index):
        raise StudyError(
            f"{file} has centroids of {len(centroids)} populations, and {len(abundance)} are measured here, which "
            f"differ in {min(different)} ({len(different)} in all): use the same gene_sets, and check which of their "
            "genes the matrix has"
        )
    z_scores = scaled(abundance, Scaling.SAMPLE).loc[centroids.index]
    distance = pd.DataFrame({kind: np.sqrt((z_scores.sub(centroids[kind], axis=0) ** 2).sum()) for kind in (HOT, COLD)})
    near, far = distance.min(axis=1), distance.max(axis=1)
    return pd.DataFrame({"phenotype": distance.idxmin(axis=1), "silhouette": (far - near) / far})
