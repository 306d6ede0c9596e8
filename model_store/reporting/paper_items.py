"""The tables and figures of Han et al., Breast Cancer Research 26:18 (2024), and where a study has its own."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

NOT_MADE = "not made by this study"


@dataclass(frozen=True)
class PaperItem:
    """A table or figure of the paper."""

    number: str
    what: str
    step: str
    files: tuple[str, ...]
    """Patterns below the step's folder; empty where no step makes it."""

    def found(self, output: Path) -> list[Path]:
        """Return the files of a study, relative to its output."""
        folder = output / self.step
        return sorted(path.relative_to(output) for pattern in self.files for path in folder.glob(pattern))


PAPER_ITEMS = (
    PaperItem("Table 1", "characteristics of the cohorts", "validate", ("tables/table_1.csv",)),
    PaperItem("Figure 3C", "shares of cell groups by phenotype", "phenotype", ("figures/cell_groups.png",)),
    PaperItem("Figure 3D", "MCP-counter's populations, hot against cold", "phenotype", ("figures/second_groups.png",)),
    PaperItem("Figure 3E", "tumour purity, hot against cold", "phenotype", ("figures/purity.png",)),
    PaperItem("Figure 3F, S2", "clinical data by phenotype", "phenotype", ("figures/composition.png",)),
    PaperItem(
        "Figure 4B",
        "Cox regression and survival, in all patients and within each phenotype",
        "phenotype",
        ("figures/cox_populations*.png", "figures/kaplan_meier*.png"),
    ),
    PaperItem("Figure 5A", "immune checkpoint genes, hot against cold", "phenotype", ("figures/checkpoint_genes.png",)),
    PaperItem("Figure 5B", "enriched pathways", "phenotype", ("figures/pathway_*.png",)),
    PaperItem("Figure 6", "ROC curves of all cohorts", "validate", ("figures/roc.png",)),
    PaperItem(
        "Split 80/20",
        "one split into training and test cases, as in the paper",
        "train",
        ("figures/paper_split.png", "tables/paper_split.csv"),
    ),
    PaperItem(
        "Figure 7",
        "correlation of the top features with cell populations",
        "validate",
        ("figures/features_and_populations.png",),
    ),
    PaperItem("Figure S3", "performance by subgroup", "validate", ("figures/subgroups.png", "tables/subgroups.csv")),
    PaperItem(
        "Treated cohort",
        "score against response to treatment",
        "validate",
        ("figures/response_*.png", "tables/response.csv"),
    ),
)
"""docs/reproduction.md tells for each what is the same, what differs and why."""


def paper_rows(output: Path) -> Sequence[tuple[str, str, str]]:
    """Return number, content and files of each item, for a person: a study makes those that its inputs allow."""
    return [(one.number, one.what, ", ".join(map(str, one.found(output))) or NOT_MADE) for one in PAPER_ITEMS]
