"""What step ``train`` writes: tables, figures, the summary, and a candidate bundle that validates and is published."""

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import chi2_contingency, fisher_exact

from model_store.cohort.labelled_cohort import rows_left_out
from model_store.json_records import as_json
from model_store.publication.model_card import model_card
from model_store.reporting import figures as study_figures
from model_store.reporting.card_figures import png
from model_store.reporting.flow_figure import Flow, flow_figure
from model_store.reporting.step_output import write_figure, write_summary, write_table
from model_store.signatures.acceptance import PHASE, TECHNIQUE, Parameter
from model_store.signatures.bundle import REPRODUCTION, BundleContent, installed_versions, write_bundle
from model_store.signatures.canary import make_canary
from model_store.signatures.certainty import Certainty, ThresholdInterval
from model_store.signatures.signature import Description, SignatureStatus
from model_store.signatures.training_ranges import ranges_of
from model_store.statistics.performance import Flags
from model_store.training.acceptance_contract import contract_of
from model_store.training.combat import FEW_CASES, FEW_COMPLETE
from model_store.training.forest import FOLDS
from model_store.training.model_families import words
from model_store.training.negative_controls import control_notes
from model_store.training.nested_cross_validation import MEASURES, Nested
from model_store.training.plan import TrainPlan
from model_store.training.reproduction import reproduction_of
from model_store.training.step import (
    Training,
    TrainInputs,
    candidate_table,
    case_table,
    fold_score_table,
    fold_table,
    importance_table,
    left_out_table,
)

CANDIDATE_NOTICE = "CANDIDATE - not published - not for clinical use"
NESTED_METHOD = (
    "repeated nested cross-validation: columns, candidate and threshold are chosen inside each fold; mean over the "
    "folds with the corrected resampled t interval (Nadeau and Bengio, 2003)"
)


def write_training(plan: TrainPlan, inputs: TrainInputs, training: Training, folder: Path) -> Path:
    """Write the results of a training into the step's folder; return the candidate bundle's folder."""
    importance, candidates = importance_table(training), candidate_table(training)
    tables = {
        "cases": case_table(training),
        "candidates": candidates,
        "folds": fold_table(training),
        "fold_scores": fold_score_table(training),
        "importance": importance,
        "top_features": training.top_features,
        "features_left_out": left_out_table(training),
        "cases_left_out": training.incomplete,
    }
    if training.paper_split:
        tables["paper_split"] = training.paper_split.table()
        write_figure(folder, "paper_split", study_figures.paper_split(tables["paper_split"]))
    for name, table in tables.items():
        write_table(folder, name, table)
    figures = _figures(training, importance, candidates)
    for name, figure in figures.items():
        write_figure(folder, name, figure)
    summary = summary_of(plan, training, candidates)
    write_summary(folder, summary)
    content = bundle_content(plan, training, summary)
    pictures = {f"{name}.png": png(figure) for name, figure in figures.items()}
    more = {**pictures, REPRODUCTION: reproduction_of(plan, inputs, training)}
    return write_bundle(folder / "bundle", BundleContent(**{**vars(content), "figures": more}))


def summary_of(plan: TrainPlan, training: Training, candidates: pd.DataFrame) -> dict[str, Any]:
    """Return the numbers of the study's report."""
    table = training.cohort.table
    simplest = candidates[candidates["simplest_within_one_se"]].iloc[0]
    return {
        "signature": {"id": plan.id, "version": plan.version, "profile": plan.feature_profile.name},
        "cases": len(table.patients),
        "patients": len(set(table.patients)),
        "hot": int(table.hot.sum()),
        "cold": int((~table.hot).sum()),
        "left_out": training.cohort.left_out,
        "imbalance": imbalance(training),
        "seed": plan.seed,
        "families": {nested.family.name: _family(nested, table.hot) for nested in training.nested},
        "chosen": words(training.trained.chosen),
        "threshold": training.trained.threshold,
        "simplest_within_one_se": {
            "family": simplest["family"],
            "settings": simplest["settings"],
            "auc": float(simplest["auc"]),
            "standard_error": float(simplest["standard_error"]),
        },
        "leave_one_site_out": training.sites.to_json() if training.sites else None,
        "bootstrap": training.optimism.to_json(),
        "paper_split": training.paper_split.to_json() if training.paper_split else None,
        "negative_controls": [one.to_json() for one in training.controls],
        "harmonised_scanners": sorted(training.trained.combat.maps) if training.trained.combat else [],
        "features": {
            "offered": len(table.columns) - len(training.trained.left_out["constant"]),
            "taken": list(training.trained.columns),
            "left_out": {
                why: len(names) for why, names in {**training.offered.left_out, **training.columns_left_out}.items()
            },
            "selections": training.offered.origins,
        },
        "top_features": training.top_features["feature"].tolist(),
        "method": NESTED_METHOD,
        "notes": notes(training),
    }


def imbalance(training: Training) -> str:
    """Return how the classes are distributed, and what is done about it."""
    hot, cases = int(training.cohort.table.hot.sum()), len(training.cohort.table.patients)
    return (
        f"{hot} of {cases} cases are hot ({hot / cases:.0%}); classes weigh the same in every model, folds hold equal "
        "shares, and the threshold is Youden's; so the score is not the share of hot cases in a population"
    )


def notes(training: Training) -> list[str]:
    """Return notes about these cases for the report."""
    table, cases = training.cohort.table, training.cohort.cases
    found = []
    if training.unnamed_profile:
        found.append(training.unnamed_profile)
    if (patients := len(set(table.patients))) < len(table.patients):
        found.append(
            f"{len(table.patients)} lesions of {patients} patients: folds keep patients together, DeLong and Wilson "
            "intervals count lesions as independent"
        )
    tells = {name: _tells_class(cases[name], table.hot) for name in ("site", "scanner") if name in cases}
    found += [
        f"the {name} tells the phenotype (p = {p:.2g}): what is learnt may be the {name}; see its subgroups"
        for name, p in tells.items()
        if p < 0.05
    ]
    if training.trained.combat:
        found.append(_harmonised_note(training))
    found += training.separation.notes()
    found += control_notes(training.controls)
    found += training.sites.notes() if training.sites else []
    if len(training.incomplete):
        classes = ", ".join(
            f"{count} {name}" for name, count in training.incomplete["phenotype"].value_counts().items()
        )
        found.append(
            f"{len(training.incomplete)} cases ({classes}) lack features that nearly all others have, and were left "
            "out: tables/cases_left_out names them"
        )
    smaller = min(int(table.hot.sum()), int((~table.hot).sum()))
    if smaller < 50:
        found.append(f"{smaller} cases of the smaller class: intervals are wide, and the choice of features unsteady")
    return found


def _harmonised_note(training: Training) -> str:
    scanners = len(training.trained.combat.maps) if training.trained.combat else 0
    small = sum(training.cohort.left_out.get(why, 0) for why in (FEW_CASES, FEW_COMPLETE))
    return (
        f"features are harmonised between {scanners} scanners (ComBat, fitted in every fold without the held-out "
        "cases); where scanners differ in their share of hot cases, some of the phenotype goes with the scanner. Images"
        " of other scanners are not scored, unless the site lets the criterion scanner warn; a site that is left out"
        " is scored without harmonisation where its scanners are its own"
        f"{f'; {small} cases of scanners with too few cases were left out' if small else ''}"
    )


def bundle_content(plan: TrainPlan, training: Training, summary: dict[str, Any]) -> BundleContent:
    """Return the candidate bundle, as yet without figures."""
    trained, table = training.trained, training.cohort.table
    taken = trained.harmonised(table).matrix(trained.columns)
    contracted = contract_of(taken, table.patients, training.cohort.cases)
    description = Description(
        id=plan.id,
        version=plan.version,
        status=SignatureStatus.RESEARCH,
        intended_use="None yet: a candidate that has to be validated and published.",
        research_notice=CANDIDATE_NOTICE,
        profile=plan.feature_profile,
        columns=trained.columns,
        threshold=trained.threshold,
        cohort={
            "cases": len(table.patients),
            "patients": summary["patients"],
            "hot": summary["hot"],
            "left out": training.cohort.left_out,
            **_acquired(training.cohort.cases),
        },
        training={
            "method": f"random forest; the candidate with the largest AUC in a {FOLDS}-fold cross-validation, "
            "stratified by class and grouped by patient; columns are selected inside each fold",
            "seed": plan.seed,
            "chosen": summary["chosen"],
            "settings": asdict(trained.chosen),
            "cross_validated_auc": trained.cross_validated_auc,
            "imbalance": summary["imbalance"],
            "simplest_within_one_standard_error": "{family} {settings}".format(**summary["simplest_within_one_se"]),
            "feature_lists": training.offered.origins or "none",
            "features_left_out": summary["features"]["left_out"],
            "negative_controls": summary["negative_controls"],
            "sites_known": len(training.sites.sites) if training.sites else 0,
            **({"declared": as_json(training.declared)} if training.declared else {}),
            "notes": summary["notes"],
        },
        metrics=_metrics(training, summary),
        library_versions=installed_versions(),
        acceptance=contracted.contract,
        certainty=certainty_of(training),
        harmonisation=trained.combat.frozen(trained.columns) if trained.combat else None,
        own_columns=tuple(one for one in plan.own_columns if one.feature in trained.columns),
    )
    return BundleContent(
        description=description,
        estimator=trained.estimator,
        canary=make_canary(trained.estimator, taken, plan.seed),
        ranges={
            **ranges_of(training.whole.columns, training.whole.values),
            **ranges_of(trained.columns, taken),
        },
        card=model_card(description),
        figures={},
        distance=contracted.distance,
    )


def _acquired(cases: pd.DataFrame) -> dict[str, dict[str, int]]:
    """Return the number of cases by acquisition, as far as the feature table states it."""
    names = [name for name in ("scanner", TECHNIQUE, PHASE, Parameter.FIELD_STRENGTH.value) if name in cases]
    counts = {name: cases[name].replace("", np.nan).dropna().astype(str).value_counts() for name in names}
    return {
        name.replace("_", " "): {str(value): int(count) for value, count in sorted(found.items())}
        for name, found in counts.items()
        if len(found)
    }


def _metrics(training: Training, summary: dict[str, Any]) -> dict[str, Any]:
    found = {"nested_cross_validation": summary["families"][training.forest.family.name]["performance"]}
    other_sites = training.sites.performance() if training.sites else None
    return found | ({"leave_one_site_out": other_sites} if other_sites else {})


def certainty_of(training: Training) -> Certainty:
    """Return the calibration; its threshold interval is that of the outer folds, each with choices of its own."""
    thresholds = [result.threshold for result in training.forest.folds]
    return replace(training.trained.certainty, threshold_interval=ThresholdInterval.of(thresholds))


def _family(nested: Nested, hot: Flags) -> dict[str, Any]:
    """Return a family's performance, as bundles hold it, and how steady its choice was."""
    estimates = {measure: asdict(nested.estimate(measure)) for measure in MEASURES}
    return {
        "performance": {
            "cases": len(hot),
            "hot": int(hot.sum()),
            **estimates,
            "folds": len(nested.folds),
            "method": NESTED_METHOD,
        },
        "chosen_in_folds": dict(nested.chosen()),
    }


def _figures(training: Training, importance: pd.DataFrame, candidates: pd.DataFrame) -> dict[str, Any]:
    table = training.cohort.table
    forest = training.forest
    pooled = (f"{forest.family.name}, one repeat", table.hot, forest.out_of_fold(len(table.patients)))
    flow = Flow.of("training", len(table.patients), int(table.hot.sum()), rows_left_out(training.cohort.left_out))
    return {
        "flow": flow_figure([flow]),
        "roc": study_figures.roc_of_cohorts(
            [nested.scores(table.hot).roc(f"{nested.family.name}, mean of folds") for nested in training.nested]
        ),
        "importance": study_figures.importance(importance),
        "candidates": study_figures.candidates(candidates),
        "calibration": study_figures.calibration([pooled]),
    }


def _tells_class(groups: pd.Series, hot: np.ndarray) -> float:
    """Return the p value of groups against classes: Fisher's exact test of a 2 x 2 table, chi-squared of others."""
    counts = pd.crosstab(groups.astype(str).to_numpy(), hot).to_numpy()
    if counts.shape[0] < 2 or counts.shape[1] < 2:
        return 1.0
    if counts.shape == (2, 2):
        return float(fisher_exact(counts).pvalue)
    return float(chi2_contingency(counts).pvalue)
