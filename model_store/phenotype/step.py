"""The step ``phenotype`` of a study: from expression to labelled tumours, with every table and figure."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from model_store.cohort.clinical import read_clinical
from model_store.errors import StudyError
from model_store.phenotype import figures
from model_store.phenotype.abundance import mean_of_markers, scaled, ssgsea
from model_store.phenotype.centroids import centroid_table, nearest_phenotypes
from model_store.phenotype.clustering import Clusters, find_clusters, partition
from model_store.phenotype.enrichment import pathway_scores, ranked_enrichment
from model_store.phenotype.expression import Expression, read_expression
from model_store.phenotype.gene_sets import coverage_table, covered_sets, names_turned_into_dates, read_gene_sets
from model_store.phenotype.phenotype import (
    COLD,
    HOT,
    SIGNIFICANT,
    AmbiguousPhenotype,
    Phenotypes,
    immune_level,
    name_clusters,
)
from model_store.phenotype.plan import ClinicalData, PhenotypePlan, Scaling, SecondScoring
from model_store.phenotype.survival import write_survival
from model_store.reporting.step_output import write_figure, write_summary, write_table
from model_store.statistics.composition import association_table, composition_table
from model_store.statistics.correlation import spearman_table
from model_store.statistics.group_comparison import comparison_table
from model_store.statistics.partition_agreement import agreement

Tell = Callable[[str], None]


@dataclass(frozen=True)
class PhenotypeData:
    """The data that all parts of the step use."""

    plan: PhenotypePlan
    folder: Path
    expression: Expression
    abundance: pd.DataFrame
    """ssGSEA; populations in rows."""
    found: Phenotypes

    @property
    def level(self) -> "pd.Series[float]":
        """Mean z-score of the immune populations, by patient."""
        return immune_level(self.abundance, self.found.immune)


def find_phenotypes(plan: PhenotypePlan, folder: Path, tell: Tell) -> dict[str, Any]:
    """Run the step; return its summary.

    Raises
    ------
    StudyError
        Unusable inputs, or clusters that cannot be named. Tables and figures up to
        there are written, so that one can look at them.
    """
    tell("reading expression and gene sets")
    expression = read_expression(plan.expression, plan.unit, plan.duplicates)
    sets = read_gene_sets(plan.gene_sets)
    genes = expression.values.index
    write_table(folder, "gene_sets", coverage_table(sets, genes))
    tell(f"scoring {len(sets)} populations in {expression.values.shape[1]} patients")
    abundance = ssgsea(expression.values, covered_sets(sets, genes, plan.least_coverage))
    write_table(folder, "abundance", by_patient(abundance))
    if plan.centroids:
        clusters, found = _by_centroids(plan, plan.centroids, folder, abundance)
    else:
        tell("looking for clusters")
        clusters = _clusters(plan, folder, abundance)
        found = name_clusters(abundance, clusters.labels, plan.immune_populations)
        write_table(folder, "centroids", centroid_table(abundance, found.labels))
    study = PhenotypeData(plan, folder, expression, abundance, found)
    summary = _expression_summary(plan, expression, sets) | _phenotype_summary(found, clusters)
    _write_phenotypes(study, clusters)
    tell("comparing checkpoint genes")
    summary["checkpoint_genes"] = _write_checkpoint_genes(study)
    if plan.second:
        tell("scoring again with marker genes")
        summary["second_scoring"] = _write_second(study, plan.second)
    if plan.clinical:
        tell("clinical data and survival")
        summary["clinical"] = _write_clinical(study, plan.clinical)
    for one in plan.compared:
        tell(f"comparing {one.name}")
        quantities = read_clinical(one.table, one.columns).apply(pd.to_numeric, errors="coerce")
        summary.setdefault("compared", {})[one.name] = _write_comparison(study, one.name, quantities, "")
    if plan.pathways:
        tell("pathways")
        summary["pathways"] = _write_pathways(study, plan.pathways)
    write_summary(folder, summary)
    return summary


def by_patient(table: pd.DataFrame) -> pd.DataFrame:
    """Return populations in rows as a table with one row per patient."""
    return table.T.rename_axis("patient").reset_index()


def _clusters(plan: PhenotypePlan, folder: Path, abundance: pd.DataFrame) -> Clusters:
    data = scaled(abundance, plan.scaling).T.to_numpy(np.float64)
    clusters = find_clusters(data, plan.most_clusters, plan.seed, plan.clusters or None)
    names = pd.Series([f"cluster {label + 1}" for label in clusters.labels], index=abundance.columns)
    write_table(folder, "votes", clusters.votes)
    write_table(folder, "clusters", pd.DataFrame({"patient": names.index, "cluster": names.to_numpy()}))
    write_figure(folder, "votes", figures.votes_figure(clusters.votes, clusters.number))
    z_scores = scaled(abundance, Scaling.POPULATION)
    write_figure(
        folder, "heatmap_clusters", figures.heatmap_figure(z_scores, names, comparison_table(abundance.T, names))
    )
    return clusters


def _by_centroids(
    plan: PhenotypePlan, centroids: Path, folder: Path, abundance: pd.DataFrame
) -> tuple[Clusters, Phenotypes]:
    """Return the phenotypes by another cohort's centroids, and what stands for the clusters."""
    nearest = nearest_phenotypes(abundance, centroids)
    labels = nearest["phenotype"]
    if labels.nunique() == 1:
        write_table(folder, "labels", nearest.rename_axis("patient").reset_index())
        raise StudyError(
            f"all {len(labels)} patients are {labels.iloc[0]} by these centroids, so nothing can be compared between "
            "the phenotypes; tables/labels has them"
        )
    evidence = comparison_table(abundance.T, labels, (HOT, COLD))
    is_higher = (evidence["median_hot"] > evidence["median_cold"]).to_numpy()
    higher = np.where(evidence["q"] < SIGNIFICANT, np.where(is_higher, HOT, COLD), "")
    immune = plan.immune_populations or tuple(map(str, abundance.index))
    decides = evidence["name"].isin(immune).to_numpy()
    evidence = evidence.assign(immune=decides, higher=higher)
    found = Phenotypes(
        labels, evidence, int((decides & (higher != "")).sum()), int((decides & (higher == HOT)).sum()), immune
    )
    votes = pd.DataFrame(columns=["index", "source", "choice"])
    is_hot = (labels == HOT).to_numpy().astype(np.intp)
    return Clusters(is_hot, nearest["silhouette"].to_numpy(np.float64), votes), found


def _write_phenotypes(study: PhenotypeData, clusters: Clusters) -> None:
    labels, folder = study.found.labels, study.folder
    columns = {"patient": labels.index, "phenotype": labels.to_numpy(), "silhouette": clusters.silhouette}
    write_table(folder, "labels", pd.DataFrame(columns).assign(immune_level=study.level.to_numpy()))
    write_table(folder, "populations", study.found.evidence)
    z_scores = scaled(study.abundance, Scaling.POPULATION)
    write_figure(folder, "heatmap", figures.heatmap_figure(z_scores, labels, study.found.evidence))
    write_figure(folder, "silhouette", figures.silhouette_figure(clusters.silhouette, labels))


def _write_checkpoint_genes(study: PhenotypeData) -> dict[str, Any]:
    values = study.expression.values
    there = [gene for gene in study.plan.checkpoint_genes if gene in values.index]
    absent = [gene for gene in study.plan.checkpoint_genes if gene not in there]
    if not there:
        return {"absent": absent}
    genes = values.loc[there].T
    table = comparison_table(genes, study.found.labels, (HOT, COLD), ranks_only=study.plan.ranks_only)
    write_table(study.folder, "checkpoint_genes", table)
    figure = figures.genes_figure(genes, study.found.labels, table, study.expression.scale)
    write_figure(study.folder, "checkpoint_genes", figure)
    return {"absent": absent, "genes": _records(table)}


def _write_second(study: PhenotypeData, second: SecondScoring) -> dict[str, Any]:
    values = study.expression.values
    sets = read_gene_sets(second.gene_sets)
    scores = mean_of_markers(values, covered_sets(sets, values.index, study.plan.least_coverage))
    write_table(study.folder, "second_scoring", by_patient(scores))
    _write_comparison(study, "second_groups", scores.T, "mean of the marker genes")
    pairs = spearman_table(study.abundance.T, scores.T).rename(columns={"left": "population", "right": "second"})
    write_table(study.folder, "second_scoring_correlation", pairs)
    level = immune_level(scores, second.immune_populations)
    correlation = spearman_table(study.level.to_frame("first"), level.to_frame("second")).iloc[0]
    immune = list(second.immune_populations or scores.index)
    data = scaled(scores.loc[immune], Scaling.POPULATION).T.to_numpy(np.float64)
    summary: dict[str, Any] = {"populations": len(scores), "level_correlation": _record(correlation)}
    try:
        labels = name_clusters(scores, partition(data, 2, study.plan.seed), tuple(immune)).labels
    except AmbiguousPhenotype as error:
        summary["note"] = f"no phenotypes by the second scoring: {error}"
        said = "no phenotypes by the second scoring"
    else:
        agreed = agreement(study.found.labels, labels)
        summary["agreement"] = plain(asdict(agreed))
        write_table(study.folder, "second_labels", labels.rename_axis("patient").reset_index())
        kappa = f"kappa {agreed.kappa:.2f} ({agreed.low:.2f} to {agreed.high:.2f})"
        said = f"same phenotype {agreed.same} of {agreed.n}, {kappa}"
    said += f"\nSpearman {correlation['rho']:.2f} ({correlation['low']:.2f} to {correlation['high']:.2f})"
    write_figure(study.folder, "second_scoring", figures.agreement_figure(study.level, level, study.found.labels, said))
    return summary


def _write_comparison(study: PhenotypeData, name: str, quantities: pd.DataFrame, scale: str) -> list[dict[str, Any]]:
    """Compare quantities (columns) of the patients between the phenotypes; write table and figure, return the rows."""
    known = quantities.loc[quantities.index.intersection(study.found.labels.index)]
    if known.empty:
        raise StudyError(f"{name}: none of {len(quantities)} patients is a column of the expression matrix")
    labels = study.found.labels.loc[known.index]
    table = comparison_table(known, labels, (HOT, COLD), ranks_only=study.plan.ranks_only)
    write_table(study.folder, name, table)
    write_figure(study.folder, name, figures.genes_figure(known, labels, table, scale))
    return _records(table)


def _write_clinical(study: PhenotypeData, clinical: ClinicalData) -> dict[str, Any]:
    columns = [name for name in (*clinical.composition, clinical.time, clinical.event) if name]
    table = read_clinical(clinical.table, columns)
    known = table.loc[study.found.labels.index.intersection(table.index)]
    if known.empty:
        raise StudyError(
            f"{clinical.table}: none of {len(table)} patients is a column of the expression matrix; "
            "check that both files use the same pseudonyms"
        )
    summary: dict[str, Any] = {"patients": len(known), "without": len(study.found.labels) - len(known)}
    if clinical.composition:
        parts = known[list(clinical.composition)]
        tests = association_table(study.found.labels, parts, study.plan.seed)
        write_table(study.folder, "composition", composition_table(study.found.labels, parts))
        write_table(study.folder, "composition_tests", tests)
        figure = figures.composition_figure(study.found.labels, parts, tests["p"].tolist())
        write_figure(study.folder, "composition", figure)
        summary["composition"] = _records(tests)
    if clinical.time:
        quantities = scaled(study.abundance, Scaling.POPULATION).T
        summary["survival"] = plain(
            write_survival(study.folder, known, clinical, study.found.labels, quantities, study.level)
        )
    return summary


def _write_pathways(study: PhenotypeData, path: Path) -> dict[str, Any]:
    values, labels = study.expression.values, study.found.labels
    sets = read_gene_sets(path)
    coverage = coverage_table(sets, values.index)
    write_table(study.folder, "pathway_sets", coverage)
    usable = coverage.loc[coverage["found"] >= study.plan.least_coverage * coverage["genes"], "set"]
    chosen = covered_sets({name: sets[name] for name in usable}, values.index, study.plan.least_coverage)
    if not chosen:
        raise StudyError(
            f"{path}: no pathway has enough of its genes in the matrix; check that both use the same gene names"
        )
    write_table(study.folder, "pathway_scores", pathway_scores(values, chosen, labels))
    summary: dict[str, Any] = {"pathways": len(chosen), "left_out": len(sets) - len(chosen), "strongest": []}
    enriched = ranked_enrichment(values, chosen, labels, HOT, study.plan.seed)
    if enriched is None:
        return summary
    write_table(study.folder, "pathway_enrichment", enriched.table)
    write_figure(study.folder, "pathway_enrichment", figures.enrichment_figure(enriched.table))
    write_figure(study.folder, "pathway_running_sums", figures.running_sums_figure(enriched))
    return summary | {"strongest": _records(enriched.table.drop(columns="leading_edge").head(20))}


def _expression_summary(
    plan: PhenotypePlan, expression: Expression, sets: dict[str, tuple[str, ...]]
) -> dict[str, Any]:
    return {
        "patients": expression.values.shape[1],
        "genes": expression.values.shape[0],
        "rows_dropped_or_merged": expression.dropped,
        "unit": plan.unit.value,
        "scale": expression.scale,
        "populations": len(sets),
        "genes_in_sets": len({gene for genes in sets.values() for gene in genes}),
        "names_turned_into_dates": names_turned_into_dates(sets),
        "scaling": plan.scaling.value,
        "seed": plan.seed,
    }


def _phenotype_summary(found: Phenotypes, clusters: Clusters) -> dict[str, Any]:
    return {
        "votes": {str(number): votes for number, votes in clusters.tally.items()},
        "clusters": clusters.number,
        "mean_silhouette": float(clusters.silhouette.mean()),
        "below_zero_silhouette": int((clusters.silhouette < 0).sum()),
        "hot": int((found.labels == HOT).sum()),
        "cold": int((found.labels == COLD).sum()),
        "immune_populations": len(found.immune),
        "immune_populations_that_differ": found.different,
        "of_these_higher_in_hot": found.higher_in_hot,
    }


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [_record(row) for _, row in table.iterrows()]


def _record(row: "pd.Series[Any]") -> dict[str, Any]:
    found: dict[str, Any] = plain(row.to_dict())
    return found


def plain(value: Any) -> Any:
    """Return JSON values: NaN becomes None."""
    if isinstance(value, dict):
        return {str(key): plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    if isinstance(value, np.integer | np.floating | np.bool_):
        value = value.item()
    return None if isinstance(value, float) and not np.isfinite(value) else value
