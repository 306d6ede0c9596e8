"""From feature tables to the content of a bundle: train, validate, describe."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from model_store.cohort.control_tables import ControlRegion
from model_store.cohort.feature_table import FeatureTable
from model_store.cohort.missing_values import CompleteTable, complete_table
from model_store.errors import TrainingError
from model_store.publication.model_card import model_card
from model_store.reporting.card_figures import calibration_figure, importance_figure, roc_figure
from model_store.signatures.bundle import BundleContent, installed_versions
from model_store.signatures.canary import hot_probability, make_canary
from model_store.signatures.profile import FEATURES_PER_REGION, FeatureProfile
from model_store.signatures.signature import REGION_PREFIXES, Description, SignatureStatus
from model_store.signatures.training_ranges import ranges_of
from model_store.statistics.performance import performance
from model_store.training.acceptance_contract import contract_of
from model_store.training.column_selection import MIN_ICC
from model_store.training.forest import FOLDS, GRID, Candidate, Trained, name_of, outline_probabilities, train
from model_store.training.negative_controls import (
    Control,
    ControlledTraining,
    fold_auc,
    negative_controls,
    volume_of,
)
from model_store.training.nested_cross_validation import outer_folds

CONTROL_REPEATS = 2
REDRAWS_IN_METHOD = (
    ", stable ones over redrawn outlines, which the forest learns from; the threshold is Youden's over the out-of-fold "
    "scores of all outlines"
)


@dataclass(frozen=True)
class Purpose:
    """The name and the intended use of a signature."""

    id: str
    version: str
    status: SignatureStatus
    intended_use: str
    research_notice: str
    cohort: Mapping[str, Any]
    """Where the cases come from."""


def develop(
    purpose: Purpose,
    profile: FeatureProfile,
    training: FeatureTable,
    held_out: FeatureTable,
    seed: int,
    grid: Sequence[Candidate] = GRID,
    regions: Mapping[ControlRegion, pd.DataFrame] | None = None,
    also_held_out: Mapping[str, FeatureTable] | None = None,
    acquired: pd.DataFrame | None = None,
) -> BundleContent:
    """Train on one table, measure on the other, and return all that a bundle holds.

    ``regions`` are tables of control regions, whose ``case`` is the patient of the training table. ``also_held_out``
    are further tables to measure on, by the name of the measurement. ``acquired`` states how the images of all cases
    were acquired, in `ACQUISITION_COLUMNS`: the signature accepts what it was trained or measured on.

    Raises
    ------
    TrainingError
        A table does not have the profile's columns, or both share a patient.
    """
    check_columns(training)
    if common := set(training.patients) & set(held_out.patients):
        raise TrainingError(f"{len(common)} patients are in the training and in the held-out table")
    whole, complete = training, complete_table(training)
    training = complete.table
    trained = train(training, seed, grid)
    held_out = complete_cases(held_out, trained.columns)
    score = hot_probability(trained.estimator, held_out.matrix(trained.columns))
    contracted = contract_of(training.matrix(trained.columns), training.patients, acquired)
    description = Description(
        id=purpose.id,
        version=purpose.version,
        status=purpose.status,
        intended_use=purpose.intended_use,
        research_notice=purpose.research_notice,
        profile=profile,
        columns=trained.columns,
        threshold=trained.threshold,
        cohort={**purpose.cohort, "cases": len(training.patients), "hot": int(training.hot.sum())},
        training={
            **_training(training, trained, complete, seed),
            **({} if held_out.redraws is None else {"redrawn_outlines": over_redraws(held_out, trained)}),
            "negative_controls": [one.to_json() for one in _controls(training, trained, regions or {}, seed)],
        },
        metrics={
            "cross_validation": trained.out_of_fold_performance.to_json(),
            **{
                name: _performance(trained, table)
                for name, table in {"held_out": held_out, **(also_held_out or {})}.items()
            },
        },
        library_versions=installed_versions(),
        acceptance=contracted.contract,
        certainty=trained.certainty,
    )
    curves = [("cross-validation", training.hot, trained.out_of_fold), ("held out", held_out.hot, score)]
    return BundleContent(
        description=description,
        estimator=trained.estimator,
        canary=make_canary(trained.estimator, training.matrix(trained.columns), seed),
        ranges=ranges_of(whole.columns, whole.values[complete.kept]),
        card=model_card(description),
        figures={
            "roc.png": roc_figure(curves),
            "calibration.png": calibration_figure(curves),
            "importance.png": importance_figure(trained.columns, trained.estimator.feature_importances_),
        },
        distance=contracted.distance,
    )


def _performance(trained: Trained, table: FeatureTable) -> dict[str, Any]:
    complete = complete_cases(table, trained.columns)
    score = hot_probability(trained.estimator, complete.matrix(trained.columns))
    return performance(complete.hot, score, trained.threshold).to_json()


def check_columns(table: FeatureTable) -> None:
    """Raise unless the table has as many columns of each region as the profile promises."""
    for prefix in REGION_PREFIXES:
        found = sum(name.startswith(prefix) and "_kinetics_" not in name for name in table.columns)
        if found != FEATURES_PER_REGION:
            raise TrainingError(f"the table has {found} columns {prefix}*, a profile gives {FEATURES_PER_REGION}")


def complete_cases(table: FeatureTable, columns: tuple[str, ...]) -> FeatureTable:
    """Return the cases that have all of these columns: the others would not be scored either."""
    return table.rows(np.flatnonzero(~np.isnan(table.matrix(columns)).any(axis=1)))


def _controls(
    table: FeatureTable, trained: Trained, regions: Mapping[ControlRegion, pd.DataFrame], seed: int
) -> tuple[Control, ...]:
    """Measure the negative controls, on other folds than those that the settings were chosen on."""
    folds = outer_folds(table, CONTROL_REPEATS, seed + 1)
    offered = table.without(trained.left_out["constant"])
    auc = fold_auc(offered, folds, trained.chosen)
    signature = ControlledTraining(offered, table.patients, folds, auc, trained.chosen)
    return negative_controls(signature, regions, volume_of(table), seed)


def over_redraws(held_out: FeatureTable, trained: Trained) -> dict[str, Any]:
    """Return how the scores of unseen cases change where their outlines are redrawn, JSON-ready."""
    scores = outline_probabilities(trained.estimator, held_out, trained.columns)
    low, high = np.nanmin(scores, axis=1), np.nanmax(scores, axis=1)
    return {
        "per_case": scores.shape[1] - 1,
        "smallest_icc_of_a_column": MIN_ICC,
        "held_out_cases": len(scores),
        "that_cross_the_threshold": int(((low < trained.threshold) & (high >= trained.threshold)).sum()),
        "median_range_of_scores": round(float(np.median(high - low)), 4),
    }


def _training(training: FeatureTable, trained: Trained, complete: CompleteTable, seed: int) -> dict[str, Any]:
    return {
        "method": f"random forest; candidates compared by {FOLDS}-fold cross-validation, stratified "
        "by class and grouped by patient; columns are selected inside each fold"
        + ("" if training.redraws is None else REDRAWS_IN_METHOD),
        "seed": seed,
        "cross_validated_auc": trained.cross_validated_auc,
        "chosen": name_of(trained.chosen),
        "settings": asdict(trained.chosen),
        "columns_left_out": {
            "missing in too many cases": list(complete.columns_left_out),
            **{why: list(names) for why, names in trained.left_out.items()},
        },
        "cases_left_out": len(complete.cases_left_out),
        "note": "The cross-validated AUC is the best of several, and its interval is too narrow because the folds "
        "share cases. The held-out one has neither fault.",
    }
