"""What step ``validate`` reads and writes."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from model_store.cohort.cohort_record import CohortRecord
from model_store.cohort.labelled_cohort import (
    labelled_cohort,
    other_profile,
    read_table,
    rows_left_out,
    unnamed_profile,
)
from model_store.cohort.labels import read_labels
from model_store.cohort.own_table import patients_as_cases, read_own, with_own
from model_store.errors import LeakError, TrainingError
from model_store.json_records import as_json
from model_store.reporting import figures as study_figures
from model_store.reporting.added_value_figures import net_benefits, nomogram
from model_store.reporting.flow_figure import Flow, flow_figure
from model_store.reporting.step_output import read_summary, write_figure, write_summary, write_table
from model_store.reporting.survival_figures import ratio_text, survival_figure
from model_store.signatures.signature import Signature
from model_store.statistics.diagnostic_accuracy import decision_curve
from model_store.statistics.fold_scores import FOLD_COLUMNS, FoldScores, compare_with_mean_of_folds
from model_store.statistics.table_one import table_one
from model_store.validation.added_value import METHOD, fit_clinical_models
from model_store.validation.cohort_validation import (
    ScoredCohort,
    cohort_numbers,
    comparison_rows,
    not_harmonised,
    score_groups,
    scored_cohort,
    several_lesions,
    subgroup_table,
    treated_cohort,
    with_clinical,
)
from model_store.validation.external_cohort import (
    EARLIER,
    earlier_measurements,
    notes_on_earlier,
    require_different_patients,
    shared_sites,
)
from model_store.validation.other_patients import Checked, TrainedOn
from model_store.validation.outcome import median_split
from model_store.validation.plan import CohortFiles, UnknownScanners, ValidatePlan
from model_store.validation.populations import write_populations
from model_store.validation.response import Answered, answered_endpoints, write_response

TRAINING = "training"
OUT_OF_FOLD_COLUMNS = ("nested_score", "nested_verdict")
"""Score and verdict of a training case by forests that had not seen its patient."""
OUT_OF_FOLD = (
    "AUC, accuracy, sensitivity, specificity, PPV and NPV are means over the folds of the nested cross-validation, "
    "with corrected intervals; the confusion matrix is theirs, scaled to all cases. Calibration, decision curve, "
    "subgroups and groups take the scores of one repeat, by forests that had not seen the patient; their intervals "
    "are too narrow"
)


@dataclass(frozen=True)
class ValidateInputs:
    """The files of a validation."""

    cohorts: tuple[CohortFiles, ...]
    training_cases: Path | None
    clinical: Path | None
    populations: Path | None
    features: Path | None
    """Of the training cohort, to correlate with the populations, and to recognise its cases."""

    def files(self) -> list[Path]:
        """Return those that are given."""
        own = [self.training_cases, self.clinical, self.populations, self.features]
        given = own + [path for one in self.cohorts for path in one.files()]
        return [path for path in given if path is not None]


def validate_inputs(plan: ValidatePlan, output: Path, training_features: Path | None) -> ValidateInputs:
    """Return the files that a plan means.

    Raises
    ------
    TrainingError
        A file is not there.
    """
    cases = plan.training_cases or output / "train" / "tables" / "cases.parquet"
    populations = plan.populations or output / "phenotype" / "tables" / "abundance.parquet"
    features = training_features or output / "extract" / "tables" / "features.parquet"
    inputs = ValidateInputs(
        tuple(replace(one, features=one.table(output), folder=None) for one in plan.cohorts),
        cases if plan.training_cases or cases.is_file() else None,
        plan.clinical,
        populations if plan.populations or populations.is_file() else None,
        features if features.is_file() else None,
    )
    if absent := [path for path in inputs.files() if not path.is_file()]:
        raise TrainingError(f"{absent[0]} does not exist; the step validate requires it")
    return inputs


def run_validation(
    plan: ValidatePlan, inputs: ValidateInputs, signature: Signature, folder: Path, *, own: bool
) -> dict[str, Any]:
    """Score every cohort, write tables, figures and summary into the step's folder, and return the summary.

    ``own``: the signature was trained in this study, so that its training cases have out-of-fold scores.

    Raises
    ------
    LeakError
        A patient was trained on, under this pseudonym or another.
    TrainingError
        A table is not what it should be.
    """
    cases = _training_cases(inputs.training_cases, own=own) if inputs.training_cases else None
    features = read_table(inputs.features, ("patient",)) if own and inputs.features else cases
    cohorts = [_training_cohort(cases, signature, inputs, folder)] if own and cases is not None else []
    as_measured = plan.unknown_scanners is UnknownScanners.AS_MEASURED
    others = [_scored(one, signature, TrainedOn.of(cases, features), as_measured) for one in inputs.cohorts]
    every = [*cohorts, *(cohort for cohort, _, _ in others)]
    if not every:
        raise TrainingError("there is no cohort to validate on; add one to validate.cohorts")
    cohorts = [cohort for cohort in every if cohort.is_labelled]
    endpoints = {cohort.name: answered_endpoints(cohort, plan) for cohort in every}
    numbers = {cohort.name: cohort_numbers(cohort) for cohort in cohorts}
    unlabelled = [cohort for cohort in every if not cohort.is_labelled]
    treated = {cohort.name: _treated_numbers(cohort, endpoints[cohort.name]) for cohort in unlabelled}
    for cohort, checked, notes in others:
        of_cohort = numbers.get(cohort.name) or treated[cohort.name]
        of_cohort["compared_with_training"] = checked.to_json()
        of_cohort["notes"] += notes + [one for one in (shared_sites(cases, cohort.cases),) if one]
    for files in inputs.cohorts:
        if files.labels is not None:
            tables = {"features": files.features, "own": files.own.table if files.own else None}
            record = CohortRecord.of(tables, files.labels, as_measured=as_measured)
            numbers[files.name]["repeat"] = as_json(record)
    for cohort in cohorts:
        if cohort.folds:
            numbers[cohort.name] |= {"notes": [OUT_OF_FOLD]}
    external = {cohort.name: numbers[cohort.name] for cohort, _, _ in others if cohort.name in numbers}
    earlier = earlier_measurements(read_summary(folder), external, signature.digest)
    for of_cohort in external.values():
        of_cohort["notes"] += notes_on_earlier(earlier)
    summary: dict[str, Any] = {
        EARLIER: earlier,
        "signature": {"id": signature.id, "version": signature.version, "digest": signature.digest},
        "cohorts": numbers,
        "treated": treated,
        "patients_checked_against_training": cases is not None,
        "against_training": _against_first(cohorts) if own and cases is not None else {},
    }
    _write_scores(every, cohorts, endpoints, folder)
    write_table(folder, "table_1", table_1(every, ("phenotype", *plan.characteristics), plan.seed))
    left_out = training_left_out(folder.parent)
    write_figure(folder, "flow", flow_figure([flow_of(one, left_out) for one in every]))
    if cohorts:
        _write_performance(cohorts, numbers, folder)
    if plan.clinical_model:
        summary["added_value"] = _write_added_value(plan, cohorts, folder)
    summary["groups"] = _write_groups(plan, every, folder)
    summary["response"] = write_response(every, endpoints, folder)
    summary["median_split"] = _write_outcome(plan, every, folder)
    measured, abundance = inputs.features, inputs.populations
    summary["populations"] = write_populations(measured, abundance, signature, folder, own=own)
    write_summary(folder, summary)
    return summary


def _training_cases(path: Path, *, own: bool) -> pd.DataFrame:
    """Return the table of the training cases; that of this study must have what the step ``train`` writes."""
    if not own:
        return read_table(path, ("patient",))
    try:
        return read_table(path, ("patient", "phenotype", *OUT_OF_FOLD_COLUMNS))
    except TrainingError as error:
        raise TrainingError(f"{error}; run the step train again") from error


def _training_cohort(cases: pd.DataFrame, signature: Signature, inputs: ValidateInputs, folder: Path) -> ScoredCohort:
    """Return the training cases with the scores of forests that had not seen them."""
    score, verdict = (cases[name] for name in OUT_OF_FOLD_COLUMNS)
    found = cases.assign(score=score, verdict=verdict, patient=cases["patient"].astype(str))
    clinical = read_table(inputs.clinical, ("patient",)) if inputs.clinical else None
    folds = FoldScores(read_table(folder.parent / "train" / "tables" / "fold_scores.parquet", FOLD_COLUMNS))
    return ScoredCohort(TRAINING, with_clinical(found, clinical), signature.threshold, {}, folds)


def _scored(
    files: CohortFiles, signature: Signature, trained_on: TrainedOn, as_measured: bool
) -> tuple[ScoredCohort, Checked, list[str]]:
    """Return the scored cohort, by what it was compared with the training cases, and notes on its table."""
    features = _features_of(files, signature)
    clinical = read_table(files.clinical, ("patient",)) if files.clinical else None
    if (other := other_profile(features, signature.profile.name)) is not None:
        raise TrainingError(
            f"cohort {files.name}: it was measured with profile {other}, the signature with {signature.profile.name}: "
            "extract it again"
        )
    try:
        checked = trained_on.require_others(features, f"the cohort {files.name}", signature.columns)
        if files.labels is None:
            scored = treated_cohort(files.name, signature, features, clinical, as_measured=as_measured)
        else:
            cohort = labelled_cohort(features, read_labels(files.labels))
            require_different_patients(cohort, files.name)
            scored = scored_cohort(files.name, signature, cohort, clinical, as_measured=as_measured)
    except LeakError:
        raise
    except TrainingError as error:
        raise TrainingError(f"cohort {files.name}: {error}") from error
    notes = (unnamed_profile(features), not_harmonised(signature, scored.cases))
    return scored, checked, [note for note in notes if note]


def _features_of(files: CohortFiles, signature: Signature) -> pd.DataFrame:
    """Return the feature table of a cohort, with the own columns that the signature takes."""
    own = None
    if signature.own_columns:
        if files.own is None:
            names = ", ".join(one.column for one in signature.own_columns)
            raise TrainingError(
                f"cohort {files.name}: the signature takes {names}; name the table that has them in own"
            )
        own = read_own(files.own, signature.own_columns)
    if files.features is not None:
        features = read_table(files.features, ("patient",))
        return features if own is None else with_own(features, own)
    if own is None:
        raise TrainingError(f"cohort {files.name}: expected features or folder, because the signature takes images")
    return patients_as_cases(own, signature.profile.name)


def training_left_out(output: Path) -> dict[str, int]:
    """Return the cases that the step ``train`` left out, by reason."""
    found: dict[str, int] = read_summary(output / "train").get("left_out", {})
    return found


def flow_of(cohort: ScoredCohort, of_training: Mapping[str, int]) -> Flow:
    """Return the flow of a cohort's cases."""
    hot = int(cohort.hot.sum()) if cohort.is_labelled else None
    left_out = of_training if cohort.name == TRAINING else cohort.left_out
    return Flow.of(cohort.name, len(cohort.cases), hot, rows_left_out(left_out))


def table_1(cohorts: list[ScoredCohort], columns: Sequence[str], seed: int) -> pd.DataFrame:
    """Return the characteristics of the scored patients of every cohort; a lesion counts as its patient, once."""
    parts = [one.cases.drop_duplicates("patient").assign(_cohort=one.name) for one in cohorts]
    patients = pd.concat(parts, ignore_index=True)
    return table_one(patients[[name for name in columns if name in patients]], patients["_cohort"], seed)


def _treated_numbers(cohort: ScoredCohort, endpoints: Sequence[Answered]) -> dict[str, Any]:
    return {
        "first_endpoint": endpoints[0].name if endpoints else "",
        "cases": len(cohort.cases),
        "patients": int(cohort.cases["patient"].nunique()),
        "called_hot": int(cohort.called_hot.sum()),
        "left_out": cohort.left_out,
        "notes": [
            "no phenotypes are known: the scores are held against response, markers and outcome",
            *several_lesions(cohort),
        ],
    }


def _write_scores(
    every: list[ScoredCohort], labelled: list[ScoredCohort], endpoints: Mapping[str, list[Answered]], folder: Path
) -> None:
    """Write the scores of all cohorts, and their ROC curves: a treated cohort's is of its first endpoint."""
    write_table(folder, "scores", pd.concat([c.cases.assign(cohort=c.name) for c in every], ignore_index=True))
    curves = [cohort.roc for cohort in labelled]
    for cohort in every:
        of_endpoints = [one.roc(cohort.name) for one in endpoints[cohort.name]] if not cohort.is_labelled else []
        curves += [curve for curve in of_endpoints if curve][:1]
    if curves:
        write_figure(folder, "roc", study_figures.roc_of_cohorts(curves))


def _against_first(cohorts: list[ScoredCohort]) -> dict[str, Any]:
    """Compare the AUC of each cohort with the mean of the folds of the training cases."""
    folds = cohorts[0].folds
    assert folds is not None  # noqa: S101  # the first is the training cohort
    return {one.name: asdict(compare_with_mean_of_folds(one.hot, one.score, folds)) for one in cohorts[1:]}


def _write_performance(cohorts: list[ScoredCohort], numbers: Mapping[str, Any], folder: Path) -> None:
    write_table(folder, "performance", performance_table(numbers))
    curves = {cohort.name: decision_curve(cohort.hot, cohort.score) for cohort in cohorts}
    rows = [curve.assign(cohort=name) for name, curve in curves.items()]
    write_table(folder, "decision_curve", pd.concat(rows, ignore_index=True))
    write_figure(folder, "calibration", study_figures.calibration([(c.name, c.hot, c.score) for c in cohorts]))
    write_figure(folder, "decision_curve", study_figures.decision_curves(curves))
    write_figure(folder, "confusion", study_figures.confusion_matrices(numbers))


def performance_table(numbers: Mapping[str, Any]) -> pd.DataFrame:
    """Return one row per cohort and measure: value, interval, number of cases."""
    rows = []
    for name, values in numbers.items():
        fits = values["calibration"]
        measures = {
            **{measure: values[measure] for measure in ("auc", "accuracy", "sensitivity", "specificity", "ppv", "npv")},
            "calibration intercept": fits["intercept"],
            "calibration slope": fits["slope"],
            "Brier score": fits["brier"],
        }
        rows += [
            {"cohort": name, "measure": measure, "n": values["cases"], **(found or {})}
            for measure, found in measures.items()
        ]
    columns = ["cohort", "measure", "value", "low", "high", "n", "exact_low", "exact_high"]
    return pd.DataFrame(rows).reindex(columns=columns)


def _write_groups(plan: ValidatePlan, cohorts: list[ScoredCohort], folder: Path) -> list[dict[str, Any]]:
    """Write subgroups and the comparison of scores between groups."""
    labelled = [cohort for cohort in cohorts if cohort.is_labelled]
    tables = [subgroup_table(cohort, plan.subgroups, plan.smallest_subgroup) for cohort in labelled]
    if tables:
        subgroups = pd.concat(tables, ignore_index=True)
        write_table(folder, "subgroups", subgroups)
        if subgroups["auc"].notna().any():
            write_figure(folder, "subgroups", study_figures.subgroup_forest(subgroups))
    rows = []
    for cohort in cohorts:
        groups = score_groups(cohort, plan.subgroups)
        rows += comparison_rows(cohort, groups)
        for column, parts in groups.items():
            title = f"{cohort.name}: score by {column}"
            write_figure(
                folder, f"score_{cohort.name}_{column}", study_figures.score_by_group(parts, title, cohort.threshold)
            )
    write_table(folder, "score_comparisons", pd.DataFrame(rows))
    return _plain(pd.DataFrame(rows))


def _write_added_value(plan: ValidatePlan, cohorts: list[ScoredCohort], folder: Path) -> dict[str, Any]:
    """Write what the signature adds to clinical data, fitted on the training cohort and predicted in the others."""
    if not cohorts or cohorts[0].name != TRAINING:
        raise TrainingError("validate.clinical_model: it is fitted on the training cohort, which is not in this study")
    models, of_training = fit_clinical_models(cohorts[0], plan.clinical_model)
    predicted = [models.of(cohort) for cohort in cohorts[1:]]
    added = [*(one for one in predicted if one is not None), of_training]
    table = pd.DataFrame([one.row(is_fit=one is of_training) for one in added])
    write_table(folder, "added_value", table)
    write_figure(folder, "added_value", net_benefits({one.cohort: one.curves() for one in added}))
    intercept, effects = models.effects()
    parts = [(effect.name, effect.values, effect.contributions) for effect in effects]
    write_figure(folder, "nomogram", nomogram(intercept, parts))
    lacking = [cohort.name for cohort, one in zip(cohorts[1:], predicted, strict=True) if one is None]
    return {
        "columns": list(plan.clinical_model),
        "cohorts": _plain(table),
        "without_these_columns": lacking,
        "method": METHOD,
    }


def _write_outcome(plan: ValidatePlan, cohorts: list[ScoredCohort], folder: Path) -> dict[str, Any]:
    """Write the survival above and up to the median score."""
    found = {}
    for cohort in cohorts:
        if (split := median_split(cohort, plan.time, plan.event)) is None:
            continue
        found[cohort.name] = split.numbers
        rows = [curve.assign(group=name) for name, curve in split.curves.items()]
        write_table(folder, f"survival_{cohort.name}", pd.concat(rows, ignore_index=True))
        text = ratio_text(split.ratio, "log-rank", split.numbers["log_rank"]["p"])
        write_figure(folder, f"survival_{cohort.name}", survival_figure(split.groups, text, cohort.name))
    return found


def _plain(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return rows for JSON; NaN becomes None."""
    rows = table.astype(object).where(table.notna(), None).to_dict("records")
    return [{str(name): value for name, value in row.items()} for row in rows]
