"""Section ``phenotype`` of a study's configuration."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from annotated_types import Ge, Interval

from model_store.number_types import CountFromZero, Seed


class ExpressionUnit(StrEnum):
    """What the numbers of an expression matrix are."""

    COUNTS = "counts"
    """Reads (or expected counts) per gene."""
    TPM = "tpm"
    """Transcripts per million, or another linear measure that is comparable between samples (FPKM)."""
    LOG = "log"
    """A logarithm to base 2 already: of TPM, of counts per million, of a microarray's intensities."""


class Duplicates(StrEnum):
    """How several rows of one gene are treated."""

    REFUSE = "refuse"
    MEAN = "mean"
    MAX = "max"
    """The row with the largest mean, as is usual for probes of a microarray."""


class Scaling(StrEnum):
    """How abundances are made comparable before samples are clustered."""

    SAMPLE = "sample"
    """Z-score of each sample over its populations: what matters is which populations prevail."""
    POPULATION = "population"
    """Z-score of each population over the samples: every population counts the same."""
    NONE = "none"


CHECKPOINT_GENES = ("CD274", "CTLA4", "IDO1", "SIGLEC9", "PDCD1", "PDCD1LG2", "LAG3", "HAVCR2")
"""Han et al. compare these between the phenotypes."""


OWN_FIGURES = {"heatmap", "heatmap_clusters", "votes", "silhouette", "checkpoint_genes", "composition", "kaplan_meier"}
OWN_FIGURES |= {
    "second_scoring",
    "second_groups",
    "cox_populations",
    "cut_off",
    "cut_off_survival",
    "pathway_enrichment",
    "pathway_running_sums",
}
"""Names that the step itself gives to tables and figures."""


@dataclass(frozen=True)
class SecondScoring:
    """Another way to measure populations that the phenotypes should agree with: means of marker genes (MCP-counter)."""

    gene_sets: Path
    immune_populations: tuple[str, ...] = ()
    """Those that make a tumour inflamed; empty: all. MCP-counter's fibroblasts and endothelial cells are none."""


@dataclass(frozen=True)
class ClinicalData:
    """Clinical data of the patients."""

    table: Path
    """CSV or Parquet with a column ``patient``: the names of the expression matrix's columns."""
    time: str = ""
    """Column with the time to event or end of observation; empty: no survival analysis."""
    event: str = ""
    """Column with 1 (event) or 0."""
    composition: tuple[str, ...] = ()
    """Columns whose shares in each cluster are shown, such as subtype and stage."""


@dataclass(frozen=True)
class ComparedColumns:
    """Quantities of each patient that are compared between the phenotypes, such as tumour purity by several methods."""

    name: str
    """Of its table and figure: ``purity`` (the paper's figure 3E) and ``cell_groups`` (3C), or another one."""
    table: Path
    """CSV or Parquet with a column ``patient``."""
    columns: tuple[str, ...]

    def __post_init__(self) -> None:
        """Refuse a comparison of nothing.

        Raises
        ------
        ValueError
            Naming the field.
        """
        if not self.columns:
            raise ValueError("columns: expected at least one column, found none")


@dataclass(frozen=True)
class PhenotypePlan:
    """Section ``phenotype``."""

    expression: Path
    """Genes in rows, patients in columns: .tsv, .csv, .txt (each also .gz) or .parquet."""
    unit: ExpressionUnit
    gene_sets: Path
    """GMT: the populations."""
    duplicates: Duplicates = Duplicates.REFUSE
    immune_populations: tuple[str, ...] = ()
    """Those that make a tumour inflamed; empty: all in `gene_sets`."""
    scaling: Scaling = Scaling.SAMPLE
    least_coverage: Annotated[float, Interval(gt=0, le=1)] = 0.5
    """Share of a set's genes that the matrix has to have."""
    centroids: Path | None = None
    """Table ``centroids`` of the step phenotype of another cohort: its phenotypes are given to this one's patients."""
    cohorts: tuple[Path, ...] = ()
    """Files of studies of other cohorts, whose section phenotype names this cohort's `centroids`: they follow it."""
    clusters: CountFromZero = 0
    """0: as many as most indices vote for."""
    most_clusters: Annotated[int, Ge(3)] = 8
    seed: Seed = 1
    second: SecondScoring | None = None
    clinical: ClinicalData | None = None
    checkpoint_genes: tuple[str, ...] = CHECKPOINT_GENES
    compared: tuple[ComparedColumns, ...] = ()
    ranks_only: bool = False
    """Compare genes, populations and quantities by Wilcoxon's test throughout; else by Welch's t where both phenotypes
    pass for normal."""
    pathways: Path | None = None
    """GMT: which of them differ between the phenotypes."""

    def __post_init__(self) -> None:
        """Refuse settings that contradict each other.

        Raises
        ------
        ValueError
            Naming the field.
        """
        if self.clusters and not 2 <= self.clusters <= self.most_clusters:
            raise ValueError(f"clusters: expected 0 (vote) or 2 to {self.most_clusters}, found {self.clusters}")
        if self.centroids and (self.clusters or self.scaling is not Scaling.SAMPLE):
            raise ValueError("centroids: expected without clusters, and with scaling: sample")
        names = [one.name for one in self.compared]
        if len(set(names)) != len(names) or set(names) & OWN_FIGURES:
            raise ValueError(f"compared: expected unique names, and none of {', '.join(sorted(OWN_FIGURES))}")
        if self.clinical and bool(self.clinical.time) != bool(self.clinical.event):
            raise ValueError("clinical: expected both time and event, or neither")

    def inputs(self) -> list[Path]:
        """Return the files that are read."""
        second = self.second.gene_sets if self.second else None
        clinical = self.clinical.table if self.clinical else None
        compared = (one.table for one in self.compared)
        given = (self.expression, self.gene_sets, second, clinical, self.pathways, self.centroids, *compared)
        return [path for path in given if path is not None]
