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
    """What a study has as the paper has it."""
    step: str
    files: tuple[str, ...]
    """Patterns below the step's folder."""
    differs: str
    """What it does otherwise, and why."""

    def found(self, output: Path) -> list[Path]:
        """Return the files of a study, relative to its output."""
        folder = output / self.step
        return sorted(path.relative_to(output) for pattern in self.files for path in folder.glob(pattern))


PAPER_ITEMS = (
    PaperItem(
        "Table 1",
        "counts, medians and tests for all cohorts",
        "validate",
        ("tables/table_1.csv",),
        "Standardised differences beside p values: they do not depend on the size of a cohort. Missing "
        "values are counted",
    ),
    PaperItem(
        "Figure 3C",
        "shares of cell groups, hot against cold",
        "phenotype",
        ("figures/cell_groups.png",),
        "The shares come as columns, from the deconvolution that you trust; none is computed here",
    ),
    PaperItem(
        "Figure 3D",
        "MCP-counter's populations, hot against cold",
        "phenotype",
        ("figures/second_groups.png",),
        "Mean of the marker genes in log2, as MCP-counter computes it; the gene set is yours",
    ),
    PaperItem(
        "Figure 3E",
        "purity by several methods, hot against cold",
        "phenotype",
        ("figures/purity.png",),
        "ABSOLUTE, LUMP, IHC and ESTIMATE come as columns; ESTIMATE is not computed here, because its "
        "conversion to purity holds for one kind of microarray",
    ),
    PaperItem(
        "Figure 3F, S2",
        "clinical data by phenotype",
        "phenotype",
        ("figures/composition.png",),
        "Categories by Fisher's exact test (above 2 x 2 with 99,999 simulated tables). Numbers with six "
        "or more different values, such as age, are compared as quantities",
    ),
    PaperItem(
        "Figure 4B",
        "univariate Cox regression and Kaplan-Meier",
        "phenotype",
        ("figures/cox_populations*.png", "figures/kaplan_meier*.png"),
        "In all patients and within each phenotype, with the false discovery rate, numbers at risk, "
        "hazard ratios, and a test of proportional hazards",
    ),
    PaperItem(
        "Figure 5A",
        "eight checkpoint genes, hot against cold",
        "phenotype",
        ("figures/checkpoint_genes.png",),
        "Without ranks_only, Welch's t test where both phenotypes pass for normal, else Wilcoxon's test",
    ),
    PaperItem(
        "Figure 5B",
        "enrichment of pathways, with running sums",
        "phenotype",
        ("figures/pathway_*.png",),
        "GSEA with permuted phenotypes, not genes: genes of a pathway go along with each other, so that "
        "permuted genes would find pathways that do not differ",
    ),
    PaperItem(
        "Figure 6",
        "ROC curves of all cohorts",
        "validate",
        ("figures/roc.png",),
        "The curve of the training cohort is the mean of the folds of a nested cross-validation. In the "
        "paper the features were selected before the split",
    ),
    PaperItem(
        "Split 80/20",
        "one split into 80 % training and 20 % test cases, features selected before it",
        "train",
        ("figures/paper_split.png", "tables/paper_split.csv"),
        "Made for every outer fold, beside the same splits with features selected on the 80 % alone; "
        "the other estimate is better",
    ),
    PaperItem(
        "Figure 7",
        "Spearman correlation of the top 20 features with cell populations",
        "validate",
        ("figures/features_and_populations.png",),
        "With the false discovery rate. A forest that takes fewer than 20 features is followed by the "
        "most important ones of a forest on all features (train/tables/top_features)",
    ),
    PaperItem(
        "Figure S3",
        "AUC, accuracy, sensitivity, specificity, PPV and NPV by subgroup",
        "validate",
        ("figures/subgroups.png", "tables/subgroups.csv"),
        "Each with its interval; a subgroup with few cases carries a warning",
    ),
    PaperItem(
        "Treated cohort",
        "score against objective response",
        "validate",
        ("figures/response_*.png", "tables/response.csv"),
        "Disease control, a landmark and PD-L1 or CD8 thresholds too. DeLong's interval for each AUC",
    ),
)
"""docs/reproduction.md says the same of each."""


def paper_rows(output: Path) -> Sequence[tuple[str, str, str]]:
    """Return number, content and files of each item, for a person: a study makes those that its inputs allow."""
    return [(one.number, one.what, ", ".join(map(str, one.found(output))) or NOT_MADE) for one in PAPER_ITEMS]
