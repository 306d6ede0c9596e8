"""The score of a treated cohort against the response of its patients, with or without labels of the phenotype.

Objective response and disease control are those of RECIST 1.1 (Eisenhauer et al., Eur J Cancer 45:228, 2009), by the
best response. The landmark asks who is without an event at a fixed time: a patient who was observed for less time and
had no event does not tell (Anderson, Cain and Gelber, J Clin Oncol 1:710, 1983).
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from model_store.cohort.labels import reaches
from model_store.errors import TrainingError
from model_store.reporting import figures as study_figures
from model_store.reporting.step_output import write_figure, write_table
from model_store.statistics.diagnostic_accuracy import shares
from model_store.statistics.fold_scores import RocCurve
from model_store.statistics.group_comparison import compare_groups
from model_store.statistics.performance import Estimate, Flags, Floats, auc_with_interval, confusion_of
from model_store.statistics.survival import outcome
from model_store.validation.cohort_validation import ScoredCohort
from model_store.validation.plan import ValidatePlan

RESPONDED, CONTROLLED, PROGRESSED = ("CR", "PR"), ("CR", "PR", "SD"), ("PD",)
NOT_EVALUABLE = ("NE", "")
FEWEST = 2
"""Patients on either side of an endpoint; with fewer it has no AUC."""


class Endpoint(StrEnum):
    """What is held against the score."""

    OBJECTIVE_RESPONSE = "objective response"
    """CR or PR, against SD or PD."""
    DISEASE_CONTROL = "disease control"
    """CR, PR or SD, against PD."""
    EVENT_FREE = "no event at the landmark"


@dataclass(frozen=True)
class Answered:
    """The cases of a cohort for which an endpoint, or a marker, is known."""

    name: str
    positive_name: str
    negative_name: str
    positive: Flags
    score: Floats
    called_hot: Flags
    left_out: int
    """Cases without an evaluable answer."""

    @property
    def groups(self) -> dict[str, Floats]:
        """The scores of both sides."""
        return {self.positive_name: self.score[self.positive], self.negative_name: self.score[~self.positive]}

    @property
    def auc(self) -> Estimate | None:
        """DeLong's; None with fewer than two cases on a side."""
        if min(int(self.positive.sum()), int((~self.positive).sum())) < FEWEST:
            return None
        return auc_with_interval(self.positive, self.score)

    def roc(self, cohort: str) -> RocCurve | None:
        """Return the ROC curve, where there is an AUC."""
        auc = self.auc
        return RocCurve.of_scores(f"{cohort}, {self.name}", self.positive, self.score, auc) if auc else None

    def to_json(self) -> dict[str, Any]:
        """Return counts, AUC, shares at the signature's threshold and the test between both sides, JSON-ready."""
        confusion = asdict(confusion_of(self.positive, self.called_hot))
        compared = compare_groups(self.groups)
        numbers = {"statistic": compared.statistic, "p": compared.p, "difference": compared.difference}
        test = {name: None if np.isnan(value) else value for name, value in numbers.items()}
        auc = self.auc
        return {
            "positive": self.positive_name,
            "cases": len(self.positive),
            "positives": int(self.positive.sum()),
            "negatives": int((~self.positive).sum()),
            "left_out": self.left_out,
            "auc": asdict(auc) if auc else None,
            **{name: one.to_json() if one else None for name, one in shares(confusion).items()},
            "confusion": confusion,
            "test": compared.test.value,
            **test,
            "note": compared.note,
        }


def answered_endpoints(cohort: ScoredCohort, plan: ValidatePlan) -> list[Answered]:
    """Return the endpoints and markers that the columns of a cohort tell.

    Raises
    ------
    TrainingError
        A response that is none of RECIST, or a marker that is no quantity: with all such values.
    """
    found = []
    if plan.response in cohort.cases:
        said = recist(cohort.cases[plan.response], plan.response)
        control = ("CR, PR or SD", "PD")
        found.append(_by_response(cohort, said, Endpoint.OBJECTIVE_RESPONSE, RESPONDED, ("CR or PR", "SD or PD")))
        found.append(_by_response(cohort, said, Endpoint.DISEASE_CONTROL, CONTROLLED, control))
    if plan.landmark and plan.time in cohort.cases and plan.event in cohort.cases:
        free = event_free(cohort.cases, plan.time, plan.event, plan.landmark)
        names = (f"no event at {plan.landmark:g}", f"event by {plan.landmark:g}")
        found.append(_answered(cohort, Endpoint.EVENT_FREE, free, names))
    for marker in plan.markers:
        if marker.column in cohort.cases:
            reached = _reached(cohort.cases[marker.column], marker.column, marker.at_least)
            names = (f"at least {marker.at_least:g}", f"below {marker.at_least:g}")
            found.append(_answered(cohort, marker.column, reached, names))
    return found


def recist(said: pd.Series, column: str) -> "pd.Series[str]":
    """Return responses in capitals; an empty text where none is known or evaluable.

    Raises
    ------
    TrainingError
        With every value that is none.
    """
    texts = said.astype("string").fillna("").str.strip().str.upper()
    if strange := sorted(set(texts) - {*CONTROLLED, *PROGRESSED, *NOT_EVALUABLE}):
        raise TrainingError(f"column {column}: expected CR, PR, SD, PD, or NE; found {', '.join(map(repr, strange))}")
    return texts.where(~texts.isin(NOT_EVALUABLE), "").astype(str)


def event_free(cases: pd.DataFrame, time: str, event: str, landmark: float) -> "pd.Series[Any]":
    """Return whether each case is without an event at the landmark; missing where it was observed for less time."""
    known = outcome(cases, time, event).table
    answer = pd.Series(pd.NA, index=cases.index, dtype="boolean")
    answer.loc[known.index[(known["time"] >= landmark) & ~((known["time"] == landmark) & known["event"])]] = True
    answer.loc[known.index[(known["time"] <= landmark) & known["event"]]] = False
    return answer


def _reached(said: pd.Series, column: str, at_least: float) -> "pd.Series[Any]":
    known = said.notna() & (said.astype(str).str.strip() != "")
    values = [reaches(value, at_least) if there else None for value, there in zip(said, known, strict=True)]
    answer = pd.Series(values, index=said.index, dtype="boolean")
    if strange := sorted({str(value) for value in said[known & answer.isna()]}):
        raise TrainingError(f"column {column}: expected numbers, such as 20, 20 % or <1; found {', '.join(strange)}")
    return answer


def _by_response(
    cohort: ScoredCohort, said: "pd.Series[str]", endpoint: str, positive: tuple[str, ...], names: tuple[str, str]
) -> Answered:
    return _answered(cohort, endpoint, said.isin(positive).astype("boolean").mask(said == ""), names)


def _answered(cohort: ScoredCohort, name: str, answer: "pd.Series[Any]", names: tuple[str, str]) -> Answered:
    known = answer.notna().to_numpy(np.bool_)
    pick: Callable[[Any], Any] = lambda values: values[known]  # noqa: E731
    positive = answer[known].astype(bool).to_numpy(np.bool_)
    return Answered(name, *names, positive, pick(cohort.score), pick(cohort.called_hot), int((~known).sum()))


def write_response(
    cohorts: list[ScoredCohort], endpoints: Mapping[str, list[Answered]], folder: Path
) -> dict[str, Any]:
    """Write the score against response (RECIST), landmark and markers, for each cohort that has them."""
    found: dict[str, Any] = {}
    rows = []
    for cohort in cohorts:
        for one in endpoints[cohort.name]:
            numbers = one.to_json()
            found.setdefault(cohort.name, {})[one.name] = numbers
            rows.append({"cohort": cohort.name, "endpoint": one.name, **_flat(numbers)})
            title = f"{cohort.name}: score by {one.name}, AUC {one.auc or 'none'}"
            figure = study_figures.score_by_group(one.groups, title, cohort.threshold)
            write_figure(folder, f"response_{cohort.name}_{one.name.replace(' ', '_')}", figure)
    if rows:
        write_table(folder, "response", pd.DataFrame(rows))
    return found


def _flat(numbers: Mapping[str, Any]) -> dict[str, Any]:
    """Return numbers as columns; an estimate becomes three."""
    row: dict[str, Any] = {}
    for name, value in numbers.items():
        if isinstance(value, Mapping) and "value" in value:
            row |= {name: value["value"], f"{name}_low": value["low"], f"{name}_high": value["high"]}
        elif not isinstance(value, Mapping):
            row[name] = value
    return row
