"""Step ``train`` of a study: from the tables of a cohort to a candidate bundle and its performance."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from model_store.cohort.control_tables import ControlRegion
from model_store.cohort.feature_table import FeatureTable
from model_store.cohort.labelled_cohort import (
    COLD,
    HOT,
    LabelledCohort,
    labelled_cohort,
    other_profile,
    read_table,
    unnamed_profile,
)
from model_store.cohort.labels import read_labels
from model_store.cohort.leaks import Separation, require_no_label
from model_store.cohort.missing_values import CompleteTable, complete_table
from model_store.cohort.own_table import patients_as_cases, read_own, with_own
from model_store.cohort.patient_table import PatientTable
from model_store.cohort.plan import LabelTable
from model_store.cohort.twins import PIXEL_DIGEST, require_no_twins
from model_store.computing.progress import Begin, Mapped, telling, untold
from model_store.errors import TrainingError
from model_store.training.bootstrap import Optimism, bootstrap_optimism
from model_store.training.combat import complete_of_scanners, with_scanners
from model_store.training.declaration import Declaration
from model_store.training.development import check_columns
from model_store.training.forest import FOLDS, Candidate, Trained, train
from model_store.training.left_out_sites import LeftOutSites, left_out_sites
from model_store.training.model_families import BOOSTING, ELASTIC_NET, FOREST, Family, words
from model_store.training.negative_controls import (
    Control,
    ControlledTraining,
    negative_controls,
    volume_of,
)
from model_store.training.nested_cross_validation import KeepsFolds, Nested, nested_cross_validation
from model_store.training.offered_features import Offered, offered_features
from model_store.training.paper_split import PaperSplit, paper_split
from model_store.training.plan import TrainPlan
from model_store.training.top_features import top_features


@dataclass(frozen=True)
class Training:
    """The result of a training."""

    cohort: LabelledCohort
    """With the features that were offered."""
    whole: FeatureTable
    """With all features: the reference distribution is of all of them."""
    trained: Trained
    nested: tuple[Nested, ...]
    """Of the forest first."""
    offered: Offered
    """What was left out before the folds, and where the lists come from."""
    columns_left_out: dict[str, tuple[str, ...]]
    """Offered features that were left out of all folds, by reason; without looking at labels."""
    incomplete: pd.DataFrame
    """Cases that were left out because they lack features: ``case``, ``patient``, ``phenotype``, ``lacks``."""
    separation: Separation
    """How well single features separate the classes."""
    controls: tuple[Control, ...]
    """The negative controls."""
    sites: LeftOutSites | None
    """Leave-one-site-out; None where fewer than two sites are known."""
    paper_split: PaperSplit | None
    """The performance as the paper measured it; None where the folds are too small."""
    optimism: Optimism
    """By bootstrap."""
    top_features: pd.DataFrame
    """The features of most weight (`model_store.training.top_features`)."""
    unnamed_profile: str | None
    """A note where rows of the feature table do not name the profile that they were measured with."""
    declared: Declaration | None = None
    """What the study declared before its validation."""

    @property
    def forest(self) -> Nested:
        """The nested cross-validation of the published kind."""
        return self.nested[0]


@dataclass(frozen=True)
class TrainInputs:
    """The files of a training."""

    features: Path | None
    """None where the plan offers own columns alone."""
    labels: LabelTable
    own: PatientTable | None
    reliability: Path | None
    preselected: Path | None
    preselected_on: Path | None
    leave_out_on: Path | None
    protocol: Path | None
    own_profile: Path | None
    controls: dict[ControlRegion, Path]

    def files(self) -> list[Path]:
        """Return those that are given."""
        given: tuple[Path | None, ...] = (self.features, self.labels.table, self.reliability)
        given += (self.own.table if self.own else None,)
        given += (self.preselected, self.preselected_on)
        given += (self.leave_out_on, self.protocol, self.own_profile, *self.controls.values())
        return [path for path in given if path is not None]


def train_inputs(plan: TrainPlan, output: Path) -> TrainInputs:
    """Return the input files of a plan; those that it does not name are in the output of the earlier steps.

    Raises
    ------
    TrainingError
        A file that is needed is not there.
    """
    reliability = plan.reliability or output / "reliability" / "tables" / "icc.parquet"
    features = plan.features or output / "extract" / "tables" / "features.parquet"
    beside = {kind: features.with_name(f"{kind.table}{features.suffix}") for kind in ControlRegion}
    takes_list = not plan.all_features and (plan.reliability or reliability.is_file())
    inputs = TrainInputs(
        features=None if plan.without_images else features,
        labels=plan.labels or LabelTable(output / "phenotype" / "tables" / "labels.parquet"),
        own=plan.own,
        reliability=reliability if takes_list and not plan.without_images else None,
        preselected=plan.preselected,
        preselected_on=plan.preselected_on,
        leave_out_on=plan.leave_out_on,
        protocol=plan.protocol,
        own_profile=plan.own_profile,
        controls={kind: path for kind, path in beside.items() if path.is_file() and not plan.without_images},
    )
    if absent := [path for path in inputs.files() if not path.is_file()]:
        raise TrainingError(f"{absent[0]} does not exist; run the step that writes it, or set another file in train")
    return inputs


def families_of(plan: TrainPlan) -> list[Family]:
    """Return the forest's candidates of a plan, and the alternatives."""
    grid = tuple(
        Candidate(columns, depth, 4, plan.trees)
        for columns in sorted(plan.columns)
        for depth in sorted(plan.max_depths)
    )
    return [replace(FOREST, candidates=grid), *((ELASTIC_NET, BOOSTING) if plan.alternatives else ())]


def forests_of(family: Family) -> list[Candidate]:
    """Return the forests among the candidates of a family."""
    return [candidate for candidate in family.candidates if isinstance(candidate, Candidate)]


def run_training(
    plan: TrainPlan,
    inputs: TrainInputs,
    mapped: Mapped = map,
    begin: Begin = untold,
    kept: KeepsFolds | None = None,
) -> Training:
    """Read the tables, refuse leaks, measure by nested cross-validation, and train the forest on all cases.

    ``mapped`` is `map`, or one over several processes. ``begin`` is told of each part that takes long.

    Raises
    ------
    LeakError
        There is a leak.
    TrainingError
        A table is invalid, or a class has too few patients.
    """
    features = offered_table(plan, plan.feature_profile.name, inputs)
    cohort = labelled_cohort(features, read_labels(inputs.labels))
    if not plan.without_images:
        check_columns(cohort.table)
    cohort = with_scanners(cohort) if plan.harmonise else cohort
    whole = cohort.table
    offered = offered_features(plan, inputs.reliability, features, whole)
    separation = require_no_label(offered.of(whole), plan.seed)
    require_no_twins(whole, cohort.cases.get(PIXEL_DIGEST))
    if plan.harmonise:
        cohort, complete = complete_of_scanners(cohort, offered.of)
        whole = cohort.table
    else:
        complete = complete_table(offered.of(whole))
    families = families_of(plan)
    trained = train(complete.table, plan.seed, forests_of(families[0]))
    usable = complete.table.without(name for names in trained.left_out.values() for name in names)
    on_fold = begin("evaluating folds", len(families) * plan.repeats * FOLDS)
    nested = nested_cross_validation(usable, families, plan.repeats, plan.seed, mapped, on_fold, kept)
    incomplete = _incomplete_cases(cohort, complete)
    cohort, whole = cohort.only(complete), whole.rows(complete.kept)
    regions = {kind: read_table(path, ("case",)) for kind, path in inputs.controls.items()}
    signature = ControlledTraining(
        usable,
        cohort.cases["case"].tolist(),
        [result.fold for result in nested[0].folds],
        np.array([result.measures["auc"] for result in nested[0].folds]),
        trained.chosen,
    )
    measuring, leaving = telling(mapped, "negative controls", begin), telling(mapped, "leaving out sites", begin)
    controls = negative_controls(signature, regions, volume_of(whole), plan.seed, measuring)
    sites = left_out_sites(usable, cohort.cases.get("site"), families[0], plan.seed, leaving)
    sampling = telling(mapped, "bootstrap samples", begin)
    optimism = bootstrap_optimism(usable, trained.chosen, plan.seed, sampling)
    split = paper_split(usable, signature.folds, trained.chosen, telling(mapped, "splits as in the paper", begin))
    return Training(
        cohort=cohort,
        whole=whole,
        trained=trained,
        nested=tuple(nested),
        offered=offered,
        separation=separation,
        controls=controls,
        sites=sites,
        paper_split=split,
        optimism=optimism,
        top_features=top_features(trained.harmonised(usable), trained, plan.seed),
        unnamed_profile=unnamed_profile(features),
        incomplete=incomplete,
        columns_left_out={"missing in too many cases": complete.columns_left_out, **trained.left_out},
    )


def offered_table(plan: TrainPlan, profile: str, inputs: TrainInputs) -> pd.DataFrame:
    """Return the feature table, of the profile of this name, with the own columns of the plan, or these alone."""
    own = read_own(inputs.own, plan.own_columns) if inputs.own else None
    if inputs.features is None:
        assert own is not None  # noqa: S101  # the plan refuses the opposite
        return patients_as_cases(own, profile)
    features = read_table(inputs.features, ("patient",))
    if (other := other_profile(features, profile)) is not None:
        raise TrainingError(
            f"{inputs.features.name} was measured with profile {other}, train has profile {profile}: set "
            "train.profile or train.own_profile, or extract again"
        )
    return features if own is None else with_own(features, own)


def _incomplete_cases(cohort: LabelledCohort, complete: CompleteTable) -> pd.DataFrame:
    rows = sorted(complete.cases_left_out)
    table = cohort.cases.loc[rows, ["case", "patient"]].reset_index(drop=True)
    table["phenotype"] = np.where(cohort.table.hot[rows], HOT, COLD)
    table["lacks"] = [", ".join(complete.cases_left_out[row]) for row in rows]
    return table


def candidate_table(training: Training) -> pd.DataFrame:
    """Return every candidate of every family with its AUC over the outer folds, from the simplest on.

    ``within_one_se`` marks those whose AUC is at most one (corrected) standard error below the best one's.
    """
    order = {ELASTIC_NET.name: 0, FOREST.name: 1, BOOSTING.name: 2}
    rows: list[dict[str, Any]] = []
    for nested in sorted(training.nested, key=lambda n: order[n.family.name]):
        chosen = nested.chosen()
        for candidate in nested.family.candidates:
            auc, error = nested.candidate(words(candidate))
            rows.append(
                {
                    "family": nested.family.name,
                    "settings": words(candidate),
                    "columns": candidate.columns,
                    "auc": auc,
                    "standard_error": error,
                    "folds": len(nested.folds),
                    "chosen_in_folds": chosen[words(candidate)],
                }
            )
    table = pd.DataFrame(rows)
    best = table.iloc[int(table["auc"].to_numpy().argmax())]
    table["within_one_se"] = table["auc"] >= best["auc"] - best["standard_error"]
    table["simplest_within_one_se"] = np.arange(len(table)) == int(np.argmax(table["within_one_se"].to_numpy()))
    published = words(training.trained.chosen)
    table["published"] = (table["family"] == FOREST.name) & (table["settings"] == published)
    return table


def importance_table(training: Training) -> pd.DataFrame:
    """Return the forest's features: impurity in the final forest, permutation on held-out cases, and how steady.

    A fold that did not select a feature counts as a fall of 0.
    """
    folds = training.forest.folds
    falls = {name: [fold.permutation.get(name, 0.0) for fold in folds] for name in training.trained.columns}
    table = pd.DataFrame(
        {
            "feature": training.trained.columns,
            "impurity": training.trained.estimator.feature_importances_,
            "permutation": [float(np.mean(values)) for values in falls.values()],
            "permutation_sd": [float(np.std(values, ddof=1)) for values in falls.values()],
            "selected_in_folds": [sum(name in fold.columns for fold in folds) for name in falls],
            "folds": len(folds),
        }
    )
    return table.sort_values(["impurity", "feature"], ascending=[False, True], ignore_index=True)


def fold_table(training: Training) -> pd.DataFrame:
    """Return what each outer fold of each family came to."""
    return pd.DataFrame(
        {
            "family": nested.family.name,
            "repeat": result.fold.repeat,
            "fold": result.fold.number,
            "training_cases": len(result.fold.training),
            "held_out_cases": len(result.fold.held_out),
            "chosen": result.chosen,
            "threshold": result.threshold,
            **result.measures,
        }
        for nested in training.nested
        for result in nested.folds
    )


def case_table(training: Training) -> pd.DataFrame:
    """Return what each training case got from models that had not seen its patient."""
    cases, table = training.cohort.cases.copy(), training.cohort.table
    cases["phenotype"] = np.where(table.hot, "hot", "cold")
    cases["nested_score"] = training.forest.out_of_fold(len(cases))
    cases["nested_verdict"] = np.where(training.forest.verdicts(len(cases)), "hot", "cold")
    cases["out_of_fold_score"] = training.trained.out_of_fold
    return cases


def fold_score_table(training: Training) -> pd.DataFrame:
    """Return the held-out score and verdict of each case in every repeat (`FOLD_COLUMNS`)."""
    return training.forest.scores(training.cohort.table.hot).table


def left_out_table(training: Training) -> pd.DataFrame:
    """Return every feature that no fold was offered, with why."""
    reasons = {**training.offered.left_out, **training.columns_left_out}
    rows = [(name, why) for why, names in reasons.items() for name in names]
    return pd.DataFrame(rows, columns=["feature", "why"])
