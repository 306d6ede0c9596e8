"""The performance of a signature on a labelled cohort: every number that step ``validate`` reports."""

from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from model_store.cohort.labelled_cohort import CASE_COLUMNS, HOT, LabelledCohort
from model_store.cohort.table_scores import UNKNOWN_SCANNER, scanners_of, score_table
from model_store.errors import TrainingError
from model_store.signatures.canary import hot_probability
from model_store.signatures.signature import Signature
from model_store.statistics.calibration import calibration
from model_store.statistics.diagnostic_accuracy import SHARES, shares
from model_store.statistics.fold_scores import FoldScores, RocCurve, scaled_confusion
from model_store.statistics.group_comparison import compare_groups
from model_store.statistics.performance import Estimate, Flags, Floats, auc_with_interval, confusion_of

MIN_CASES_PER_CLASS = 5
CALIBRATION = ("calibration_intercept", "calibration_slope")


@dataclass(frozen=True)
class ScoredCohort:
    """A cohort with the scores of a signature, and what else is known about its patients."""

    name: str
    cases: pd.DataFrame
    """``case, patient, site, scanner``, ``score``, ``verdict``, ``phenotype``, and the clinical columns."""
    threshold: float
    left_out: dict[str, int]
    folds: FoldScores | None = None
    """Of cases that were trained on: their measures are means over the folds of the cross-validation."""

    @property
    def is_labelled(self) -> bool:
        """Whether the phenotypes are known."""
        return "phenotype" in self.cases

    @property
    def hot(self) -> Flags:
        """The truth."""
        return (self.cases["phenotype"] == HOT).to_numpy(np.bool_)

    @property
    def called_hot(self) -> Flags:
        """The verdicts: by the signature's threshold, or for cases trained on by one that was chosen without them."""
        return (self.cases["verdict"] == HOT).to_numpy(np.bool_)

    @property
    def score(self) -> Floats:
        """The mean vote for hot, 0 to 1."""
        return self.cases["score"].to_numpy(np.float64)

    @property
    def auc(self) -> Estimate:
        """The area under `roc`."""
        return self.roc.auc

    @cached_property
    def roc(self) -> RocCurve:
        """The ROC curve: of the scores, or the mean of the folds."""
        if self.folds:
            return self.folds.roc(f"{self.name}, mean of folds")
        return RocCurve.of_scores(self.name, self.hot, self.score, auc_with_interval(self.hot, self.score))


def scored_cohort(
    name: str,
    signature: Signature,
    cohort: LabelledCohort,
    clinical: pd.DataFrame | None = None,
    *,
    as_measured: bool = False,
) -> ScoredCohort:
    """Return a cohort scored by a signature; cases that lack one of its columns are left out, as in the service.

    So are those of scanners that a harmonised signature does not know, unless they are scored ``as_measured``.

    Raises
    ------
    TrainingError
        No case is left, or a class has fewer than two.
    """
    values = cohort.table.matrix(signature.columns)
    scanners = scanners_of(cohort.cases)
    unknown = signature.harmonisation.unknown(scanners) if signature.harmonisation else np.zeros(len(values), np.bool_)
    lacking = np.isnan(values).any(axis=1)
    complete = ~lacking & (~unknown | as_measured)
    hot = cohort.table.hot[complete]
    if min(int(hot.sum()), int((~hot).sum())) < 2:
        raise TrainingError(
            f"cohort {name} has {int(hot.sum())} hot and {int((~hot).sum())} cold cases; expected 2 of each"
            + (f"; {int(unknown.sum())} are {UNKNOWN_SCANNER}: see validate.unknown_scanners" if unknown.any() else "")
        )
    cases = cohort.cases.loc[np.flatnonzero(complete)].reset_index(drop=True)
    taken = [signature.harmonised(values[row : row + 1], scanners[row]) for row in np.flatnonzero(complete)]
    score = hot_probability(signature.estimator, np.concatenate(taken))
    cases = with_scores(cases, hot, score, signature.threshold)
    left_out = {**cohort.left_out, "lacks a feature of the score": int(lacking.sum())}
    if signature.harmonisation:
        left_out[UNKNOWN_SCANNER] = int((unknown & ~lacking & ~complete).sum())
    return ScoredCohort(name, with_clinical(cases, clinical), signature.threshold, left_out)


def treated_cohort(
    name: str, signature: Signature, features: pd.DataFrame, clinical: pd.DataFrame | None, *, as_measured: bool = False
) -> ScoredCohort:
    """Return a cohort without labels, scored by a signature.

    Raises
    ------
    TrainingError
        No case could be scored.
    """
    scores = score_table(signature, features, as_measured=as_measured)
    scored = (scores["not_scored"] == "").to_numpy(np.bool_)
    if not scored.any():
        raise TrainingError(f"cohort {name}: none of {len(scores)} cases can be scored")
    rows = features.loc[scored, [column for column in CASE_COLUMNS if column in features]].reset_index(drop=True)
    rows["patient"] = rows["patient"].astype(str)
    found = scores[scored].reset_index(drop=True)
    cases = rows.assign(score=found["score"], verdict=found["tendency"])
    left_out = {str(why): int(count) for why, count in scores.loc[~scored, "not_scored"].value_counts().items()}
    return ScoredCohort(name, with_clinical(cases, clinical), signature.threshold, left_out)


def not_harmonised(signature: Signature, cases: pd.DataFrame) -> str | None:
    """Return a note where scored cases are of scanners that a harmonised signature does not know."""
    if signature.harmonisation is None or not (unknown := signature.harmonisation.unknown(scanners_of(cases))).any():
        return None
    return f"{int(unknown.sum())} of {len(cases)} cases are {UNKNOWN_SCANNER}: they are scored without harmonisation"


def with_scores(cases: pd.DataFrame, hot: Flags, score: Floats, threshold: float) -> pd.DataFrame:
    """Return cases with their score, verdict and truth."""
    verdict = np.where(score >= threshold, "hot", "cold")
    return cases.assign(score=score, verdict=verdict, phenotype=np.where(hot, "hot", "cold"))


def with_clinical(cases: pd.DataFrame, clinical: pd.DataFrame | None) -> pd.DataFrame:
    """Return cases with the clinical columns of their patients; what the cases say themselves stays."""
    if clinical is None:
        return cases
    if clinical["patient"].astype(str).duplicated().any():
        raise TrainingError("the clinical table contains a patient twice; expected one row per patient")
    more = clinical.assign(patient=clinical["patient"].astype(str))
    more = more[["patient", *(name for name in more.columns if name not in cases.columns)]]
    return cases.merge(more, on="patient", how="left", validate="many_to_one")


def cohort_numbers(cohort: ScoredCohort) -> dict[str, Any]:
    """Return AUC, shares, confusion matrix and calibration of a cohort, JSON-ready."""
    cases, hot = len(cohort.cases), int(cohort.hot.sum())
    confusion, measured = _verdicts(cohort)
    return {
        "cases": cases,
        "patients": int(cohort.cases["patient"].nunique()),
        "hot": hot,
        "cold": cases - hot,
        "prevalence": hot / cases,
        "threshold": cohort.threshold,
        "auc": asdict(cohort.auc),
        **measured,
        "confusion": confusion,
        "calibration": calibration(cohort.hot, cohort.score).to_json(),
        "left_out": cohort.left_out,
        "notes": _notes(cohort, cases, hot),
    }


def _verdicts(cohort: ScoredCohort) -> tuple[dict[str, int], dict[str, Any]]:
    """Return the confusion matrix and the shares that follow from it, or of cases trained on the means of the folds."""
    if cohort.folds is None:
        confusion = asdict(confusion_of(cohort.hot, cohort.called_hot))
        return confusion, {name: one.to_json() if one else None for name, one in shares(confusion).items()}
    means = {name: cohort.folds.estimate(name) for name in SHARES}
    sensitivity, specificity = means["sensitivity"], means["specificity"]
    assert sensitivity is not None  # noqa: S101  # folds are stratified: each has cases of both classes
    assert specificity is not None  # noqa: S101
    hot = int(cohort.hot.sum())
    confusion = scaled_confusion(hot, len(cohort.hot) - hot, sensitivity.value, specificity.value)
    return confusion, {name: asdict(one) if one else None for name, one in means.items()}


def _notes(cohort: ScoredCohort, cases: int, hot: int) -> list[str]:
    notes = ["PPV and NPV hold for this share of hot cases only"]
    notes += several_lesions(cohort)
    if min(hot, cases - hot) < MIN_CASES_PER_CLASS:
        notes.append(f"fewer than {MIN_CASES_PER_CLASS} cases of a class: all numbers are imprecise")
    if cohort.auc.low == cohort.auc.high:
        notes.append("the classes do not overlap: DeLong's interval has no width, which is no certainty")
    return notes


def several_lesions(cohort: ScoredCohort) -> list[str]:
    """Return a note where patients have several lesions."""
    cases, patients = len(cohort.cases), cohort.cases["patient"].nunique()
    if patients == cases:
        return []
    return [f"{cases} lesions of {patients} patients are counted as independent: intervals are too narrow"]


def subgroup_table(cohort: ScoredCohort, columns: tuple[str, ...], fewest: int) -> pd.DataFrame:
    """Return AUC, shares and calibration of each value of each column (the paper's figure S3), with a warning for few.

    Calibration is left out below five cases of a class.
    """
    rows = []
    for column in columns:
        if column not in cohort.cases:
            continue
        values = cohort.cases[column].astype("string").fillna("not known")
        rows += [
            {"cohort": cohort.name, "subgroup": column, "value": str(value)}
            | _of_part(cohort, (values == value).to_numpy(np.bool_), fewest)
            for value in sorted(values.unique())
        ]
    names = ["cohort", "subgroup", "value", "cases", "hot"]
    measures = [f"{name}{end}" for name in ("auc", *SHARES, *CALIBRATION) for end in ("", "_low", "_high")]
    return pd.DataFrame(rows, columns=[*names, *measures, "warning"])


def _of_part(cohort: ScoredCohort, part: Flags, fewest: int) -> dict[str, Any]:
    hot, score = cohort.hot[part], cohort.score[part]
    smaller = min(int(hot.sum()), int((~hot).sum()))
    warning = ""
    if len(hot) < fewest or smaller < MIN_CASES_PER_CLASS:
        warning = f"too few cases to conclude from ({len(hot)}, {smaller} of the smaller class)"
    row: dict[str, Any] = {"cases": len(hot), "hot": int(hot.sum()), "warning": warning}
    if smaller >= 2:
        auc = auc_with_interval(hot, score)
        if auc.low == auc.high:  # of 0 or 1: DeLong's variance is 0, which is no certainty
            auc, row["warning"] = Estimate(auc.value, np.nan, np.nan), warning or "no interval: no overlap of classes"
        row |= _columns("auc", auc)
    confusion = asdict(confusion_of(hot, cohort.called_hot[part]))
    for name, one in shares(confusion).items():
        if one is not None:
            row |= _columns(name, one.wilson)
    fitted = calibration(hot, score) if smaller >= MIN_CASES_PER_CLASS else None
    for name, estimate in zip(CALIBRATION, (fitted.intercept, fitted.slope) if fitted else (), strict=False):
        if estimate is not None:
            row |= _columns(name, estimate)
    return row


def _columns(name: str, estimate: Estimate) -> dict[str, float]:
    return {name: estimate.value, f"{name}_low": estimate.low, f"{name}_high": estimate.high}


def score_groups(cohort: ScoredCohort, columns: tuple[str, ...]) -> dict[str, dict[str, Floats]]:
    """Return the scores by phenotype and by each column's values, where the cohort has them."""
    groups = {}
    for column in ("phenotype", *columns):
        if column in cohort.cases and (known := cohort.cases.dropna(subset=[column]))[column].nunique() > 1:
            groups[column] = {
                str(value): part["score"].to_numpy(np.float64) for value, part in known.groupby(column, sort=True)
            }
    return groups


def comparison_rows(cohort: ScoredCohort, groups: dict[str, dict[str, Floats]]) -> list[dict[str, Any]]:
    """Return whether the score differs between the groups of each column."""
    rows = []
    for column, parts in groups.items():
        found = compare_groups(parts)
        sizes = ", ".join(f"{group.name} {group.n}" for group in found.groups)
        medians = ", ".join(f"{group.name} {group.median:.3f}" for group in found.groups)
        rows.append(
            {
                "cohort": cohort.name,
                "by": column,
                "test": found.test.value,
                "statistic": found.statistic,
                "p": found.p,
                "difference": found.difference,
                "low": found.low,
                "high": found.high,
                "n": sizes,
                "medians": medians,
                "note": found.note,
            }
        )
    return rows
