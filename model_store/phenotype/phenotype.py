"""Immune phenotypes: clusters of tumours, named by their immune populations."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from model_store.errors import StudyError
from model_store.phenotype.abundance import scaled
from model_store.phenotype.plan import Scaling
from model_store.statistics.group_comparison import comparison_table

HOT, COLD = "hot", "cold"
"""Immune-inflamed and immune-desert."""
SIGNIFICANT = 0.05
"""False discovery rate from which on a population does not count as different."""
MIN_DIFFERENT = 1 / 3
"""Of the immune populations have to differ between the clusters ..."""
MIN_CONCORDANT = 3 / 4
"""... and of those that differ have to be higher in the same cluster. In noise, some are up and some down."""


class AmbiguousPhenotype(StudyError):
    """Clusters that cannot be identified as inflamed and desert."""


@dataclass(frozen=True)
class Phenotypes:
    """Tumours by phenotype, and the evidence for the names."""

    labels: "pd.Series[str]"
    """``hot`` or ``cold``, by patient."""
    evidence: pd.DataFrame
    """One row per population: how it differs, and in which cluster it is higher (``higher``, empty if in neither)."""
    different: int
    """How many immune populations differ."""
    higher_in_hot: int
    """How many of them are higher in the inflamed cluster."""
    immune: tuple[str, ...]


def name_clusters(abundance: pd.DataFrame, labels: NDArray[np.intp], immune: tuple[str, ...] = ()) -> Phenotypes:
    """Name two clusters by their immune populations.

    Args:
        abundance: populations in rows, patients in columns, before any scaling of samples.
        labels: 0 or 1 for each patient.
        immune: the populations that decide; all of them where none is named.

    Raises
    ------
    AmbiguousPhenotype
        There are not two clusters, or their populations do not say which is the inflamed one.
    """
    chosen = _chosen(abundance, immune)
    number = int(labels.max()) + 1
    if number != 2:
        raise AmbiguousPhenotype(
            f"{number} clusters; expected 2, one inflamed and one desert; "
            "check the votes and the heatmap, and set clusters: 2 to force two phenotypes"
        )
    names = pd.Series([str(label) for label in labels], index=abundance.columns)
    table = comparison_table(abundance.T, names)
    median_0, median_1 = table["median_0"].to_numpy(np.float64), table["median_1"].to_numpy(np.float64)
    higher = np.where(table["q"] < SIGNIFICANT, np.where(median_1 > median_0, "1", "0"), "")
    decides = table["name"].isin(chosen).to_numpy()
    up = {cluster: int(np.sum(decides & (higher == cluster))) for cluster in ("0", "1")}
    hot = "1" if up["1"] >= up["0"] else "0"
    different = up["0"] + up["1"]
    _refuse_ambiguous(different, up[hot], len(chosen))
    called = {hot: HOT, "1" if hot == "0" else "0": COLD}
    phenotype = pd.Series([called[name] for name in names], index=names.index, name="phenotype")
    evidence = comparison_table(abundance.T, phenotype, (HOT, COLD))
    return Phenotypes(
        phenotype,
        evidence.assign(immune=decides, higher=[called.get(cluster, "") for cluster in higher]),
        different,
        up[hot],
        chosen,
    )


def immune_level(abundance: pd.DataFrame, immune: tuple[str, ...] = ()) -> "pd.Series[float]":
    """Return each patient's mean z-score over the immune populations (all of them where none is named)."""
    chosen = abundance.loc[list(_chosen(abundance, immune))]
    return scaled(chosen, Scaling.POPULATION).mean()


def _chosen(abundance: pd.DataFrame, immune: tuple[str, ...]) -> tuple[str, ...]:
    if missing := [name for name in immune if name not in abundance.index]:
        raise StudyError(
            f"immune_populations names {missing[0]}, which is not a gene set; available: {', '.join(abundance.index)}"
        )
    return immune or tuple(map(str, abundance.index))


def _refuse_ambiguous(different: int, concordant: int, immune: int) -> None:
    if different < MIN_DIFFERENT * immune:
        raise AmbiguousPhenotype(
            f"{different} of {immune} immune populations differ between the two clusters; expected at least a third; "
            "the clusters do not reflect immune cells: check the heatmap and batch effects in the cohort"
        )
    if concordant < MIN_CONCORDANT * different:
        raise AmbiguousPhenotype(
            f"of {different} immune populations that differ between the two clusters, {concordant} are higher in the "
            "same one; expected three quarters; set the decisive ones in immune_populations if the study defines them"
        )
