"""The chapters of a study's report: one for each step, with its figures in the order of Han et al. (2024)."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Chapter:
    """What the report shows of a step."""

    step: str
    title: str
    says: str
    figures: tuple[tuple[str, str, str], ...]
    """Pattern of the file's name in the step's folder of figures, its caption, and its number in the paper."""


CHAPTERS = (
    Chapter(
        "extract",
        "1. Cases and radiomics features",
        "958 features of each lesion: 479 of the tumour, 479 of a ring of 2 mm on either side of its border.",
        (),
    ),
    Chapter(
        "phenotype",
        "2. Immune phenotypes",
        "Tumours are grouped by the abundance of their cell populations (ssGSEA, then k-means).",
        (
            ("heatmap", "Abundance of the populations, by cluster", ""),
            ("votes", "Number of clusters: votes of the indices", ""),
            ("silhouette", "Silhouette of each tumour", ""),
            ("second_scoring", "Agreement with a second scoring by marker genes", ""),
            ("cell_groups", "Cell groups, hot against cold", "3C"),
            ("second_groups", "Populations of the second scoring, hot against cold", "3D"),
            ("purity", "Tumour purity, hot against cold", "3E"),
            ("composition", "Clinical data by phenotype", "3F, S2"),
            ("checkpoint_genes", "Immune checkpoint genes, hot against cold", "5A"),
            ("kaplan_meier", "Survival by phenotype", ""),
            ("cox_populations", "Hazard ratio of each population (univariate Cox regression)", "4B"),
            ("cox_populations_hot", "Hazard ratio of each population within the hot tumours", "4B"),
            ("cox_populations_cold", "Hazard ratio of each population within the cold tumours", "4B"),
            ("kaplan_meier_hot", "Survival within the hot tumours, by the median immune level", "4B"),
            ("kaplan_meier_cold", "Survival within the cold tumours, by the median immune level", "4B"),
            ("cut_off", "Every cut-off of the immune level, and how well it parts survival", ""),
            ("cut_off_survival", "Survival above and up to the optimal cut-off of the immune level", ""),
            ("pathway_running_sums", "Running sums of the pathways", "5B"),
            ("pathway_enrichment", "Enrichment of the pathways, hot against cold", "5B"),
        ),
    ),
    Chapter(
        "reliability",
        "3. Reliability of the features",
        "Intraclass correlation: two-way, absolute agreement, single measurement. The paper's threshold is 0.75.",
        (("icc_by_class", "ICC by class of features", ""), ("kept_by_class", "Features kept, by class", "")),
    ),
    Chapter(
        "train",
        "4. Radiomics signature",
        "Every choice is made inside the folds, and no patient is in two of them.",
        (
            ("flow", "Flow of the training cases", ""),
            ("importance", "The features that matter most", ""),
            ("candidates", "Models compared in the same folds", ""),
            ("roc", "ROC of each family: mean of the folds, whose area is the AUC", ""),
            ("calibration", "Calibration, out of fold (one repeat)", ""),
            ("paper_split", "Splits into 80 and 20 %, as in the paper, and what selecting before the split adds", ""),
        ),
    ),
    Chapter(
        "validate",
        "5. Performance",
        "AUC, accuracy, sensitivity, specificity, PPV and NPV of the training cohort are means over the folds of the "
        "nested cross-validation; those of the other cohorts are of all their cases.",
        (
            ("flow", "Flow of the cases of all cohorts", ""),
            ("roc", "ROC of all cohorts", "6"),
            ("confusion", "Confusion matrices at the signature's threshold", ""),
            ("calibration", "Calibration", ""),
            ("decision_curve", "Decision curve", ""),
            ("added_value", "Net benefit of clinical data with and without the signature", ""),
            ("nomogram", "Nomogram of clinical data and signature", ""),
            ("subgroups", "AUC by subgroup", "S3"),
            ("features_and_populations", "Top features and cell populations, Spearman", "7"),
            ("score_*", "Score by group", ""),
            ("response_*", "Score by response to treatment, landmark or marker", ""),
            ("survival_*", "Survival, split at the median score", ""),
        ),
    ),
)
OTHER_COHORT = Chapter(
    "phenotype",
    "",
    "",
    (
        ("heatmap", "Abundance of the populations, by phenotype", ""),
        ("composition", "Clinical data by phenotype", ""),
        ("kaplan_meier", "Survival by phenotype", ""),
    ),
)
"""What is shown of a cohort that got its phenotypes from the centroids of the study's own."""
