"""Step ``train`` of a study: from the tables of a cohort to a candidate bundle, and all that was found on the way."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from model_store.cohort.feature_table import FeatureTable
from model_store.cohort.labelled_cohort import LabelledCohort, labelled_cohort, read_table
from model_store.cohort.leaks import require_no_label, require_no_twins, require_other_patients
from model_store.cohort.provenance import follows_from_icc, provenance_of, require_honest_selection
from model_store.errors import LeakError, TrainingError
from model_store.training.development import check_columns
from model_store.training.forest import FOLDS, Candidate, Trained, train
from model_store.training.model_families import BOOSTING, ELASTIC_NET, FOREST, Family, words
from model_store.training.nested_cross_validation import KeepsFolds, Nested, nested_cross_validation
from model_store.training.plan import TrainPlan


@dataclass(frozen=True)
class Training:
    """What a training came to."""

    cohort: LabelledCohort
    """With the features that were offered."""
    whole: FeatureTable
    """With all features: the reference distribution is of all of them."""
    trained: Trained
    nested: tuple[Nested, ...]
    """Of the forest first."""
    not_offered: dict[str, tuple[str, ...]]
    """Features that were left out before the folds, by why; no label was looked at."""
    selections: dict[str, str]
    """Where the lists that left features out come from."""

    @property
    def forest(self) -> Nested:
        """The nested cross-validation of the published kind."""
        return self.nested[0]


@dataclass(frozen=True)
class TrainInputs:
    """The files of a training."""

    features: Path
    labels: Path
    reliability: Path | None
    preselected: Path | None
    preselected_on: Path | None

    def files(self) -> list[Path]:
        """Return those that are given."""
        given = (self.features, self.labels, self.reliability, self.preselected, self.preselected_on)
        return [path for path in given if path is not None]


def train_inputs(plan: TrainPlan, output: Path) -> TrainInputs:
    """Return the files that a plan means: what it does not name lies where the earlier steps write.

    Raises
    ------
    TrainingError
        A file that is needed is not there.
    """
    reliability = plan.reliability or output / "reliability" / "tables" / "icc.parquet"
    inputs = TrainInputs(
        plan.features or output / "extract" / "tables" / "features.parquet",
        plan.labels or output / "phenotype" / "tables" / "labels.parquet",
        None if plan.all_features or not (plan.reliability or reliability.is_file()) else reliability,
        plan.preselected,
        plan.preselected_on,
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


def run_training(
    plan: TrainPlan,
    inputs: TrainInputs,
    jobs: int,
    on_fold: Callable[[], None] = lambda: None,
    kept: KeepsFolds | None = None,
) -> Training:
    """Read, refuse what leaks, measure by nested cross-validation, and train the forest on all cases.

    Raises
    ------
    LeakError
        The answer lies among the questions.
    TrainingError
        A table is not what it should be, or too few patients of a class.
    """
    features = read_table(inputs.features, ("patient",))
    cohort = labelled_cohort(features, read_table(inputs.labels, ("patient", "phenotype")))
    check_columns(cohort.table)
    whole = cohort.table
    not_offered, selections = _not_offered(plan, inputs, whole)
    table = whole.without(name for names in not_offered.values() for name in names)
    require_no_label(table)
    require_no_twins(whole)
    families = families_of(plan)
    grid = [candidate for candidate in families[0].candidates if isinstance(candidate, Candidate)]
    trained = train(table, plan.seed, grid)
    usable = table.without(name for names in trained.left_out.values() for name in names)
    nested = nested_cross_validation(usable, families, plan.repeats, plan.seed, jobs, on_fold, kept)
    return Training(replace(cohort, table=table), whole, trained, tuple(nested), not_offered, selections)


def fold_count(plan: TrainPlan) -> int:
    """Return how many folds a training evaluates, for its progress."""
    return len(families_of(plan)) * plan.repeats * FOLDS


def _not_offered(
    plan: TrainPlan, inputs: TrainInputs, table: FeatureTable
) -> tuple[dict[str, tuple[str, ...]], dict[str, str]]:
    """Return the features that are left out before the folds, and where the lists come from."""
    not_offered: dict[str, tuple[str, ...]] = {}
    selections: dict[str, str] = {}
    if strange := sorted(set(plan.leave_out) - set(table.columns)):
        raise TrainingError(f"leave_out names {strange[0]}, which is not a column of the features")
    if plan.leave_out:
        not_offered["left out by the plan"] = plan.leave_out
    if inputs.reliability is not None:
        frame = read_table(inputs.reliability, ("feature", "kept"))
        kept = set(frame.loc[frame["kept"].astype(bool), "feature"])
        not_offered["not reliable"] = tuple(name for name in table.columns if name not in kept)
        selections["reliability"] = _reliability_origin(inputs.reliability, frame, table.patients)
    if inputs.preselected is not None:
        frame = read_table(inputs.preselected, ("feature",))
        selections["preselected"] = _origin(plan, inputs, frame, table.patients)
        chosen = set(frame["feature"])
        not_offered["not preselected"] = tuple(name for name in table.columns if name not in chosen)
    if all(name in {n for names in not_offered.values() for n in names} for name in table.columns):
        raise TrainingError("no feature is left: the exclusion lists exclude all of them")
    return not_offered, selections


def _reliability_origin(path: Path, frame: pd.DataFrame, patients: Sequence[str]) -> str:
    """Say where the list of reliable features comes from; refuse one that may know the labels."""
    if provenance_of(frame) is None and follows_from_icc(frame):
        return "intraclass correlation, no labels used: the list is a threshold on the table's own ICC"
    origin = require_honest_selection(str(path), frame, patients)
    return f"{origin.step}, {_labels(origin.used_labels)}, rows {origin.rows[:12]}"


def _origin(plan: TrainPlan, inputs: TrainInputs, frame: pd.DataFrame, patients: Sequence[str]) -> str:
    """Return where a preselected list comes from, once it is sure that no label of these patients made it."""
    if provenance_of(frame) is None and plan.preselected_origin.strip():
        if inputs.preselected_on is None:
            return f"{plan.preselected_origin} (declared; {_labels(False)})"
        selected_on = read_table(inputs.preselected_on, ("patient",))["patient"].astype(str)
        try:
            require_other_patients(patients, selected_on, "the cohort that features were preselected on")
        except LeakError as error:
            raise LeakError(f"{error}: a feature selected outside the folds") from error
        return f"{plan.preselected_origin} (declared; with the labels of {selected_on.nunique()} other patients)"
    origin = require_honest_selection(str(inputs.preselected), frame, patients)
    return f"{origin.step}, {_labels(origin.used_labels)}, rows {origin.rows[:12]}"


def _labels(used: bool) -> str:
    return "with labels of other patients" if used else "no labels used"


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
    cases["nested_probability"] = training.forest.out_of_fold(len(cases))
    cases["nested_verdict"] = np.where(training.forest.verdicts(len(cases)), "hot", "cold")
    cases["out_of_fold_probability"] = training.trained.out_of_fold
    return cases


def left_out_table(training: Training) -> pd.DataFrame:
    """Return every feature that no fold was offered, with why."""
    reasons = {**training.not_offered, **training.trained.left_out}
    rows = [(name, why) for why, names in reasons.items() for name in names]
    return pd.DataFrame(rows, columns=["feature", "why"])
