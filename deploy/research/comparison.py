"""Two signatures on the same cases: from stored shadow results, or from a feature table."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from listener.spool.jobs import JobState
from listener.spool.spool import Spool
from model_store.cohort.labelled_cohort import HOT, phenotypes, read_table
from model_store.cohort.table_scores import score_table
from model_store.reporting.figures import agreement as agreement_figure
from model_store.reporting.step_output import write_figure, write_summary, write_table
from model_store.signatures.signature import Signature
from model_store.statistics.diagnostic_accuracy import compare_scores_of_same_cases
from model_store.statistics.signature_agreement import agreement, differing_cases
from workers.results.result_record import read_intact_result
from workers.scoring.case_result import Phenotype

SCORED_STATES = (JobState.DELIVERING, JobState.DONE, JobState.FAILED)


@dataclass(frozen=True)
class SignatureComparison:
    """The agreement of two signatures."""

    cases: pd.DataFrame
    """``case, first, second, first_hot, second_hot``."""
    summary: dict[str, Any]

    @property
    def differing(self) -> pd.DataFrame:
        """The cases with different verdicts."""
        return differing_cases(self.cases)


def compare_on_spool(spool: Path, first: Signature, second: Signature) -> SignatureComparison:
    """Compare on the jobs that one signature scored while the other was its shadow, whichever was which.

    Raises
    ------
    SignatureError
        There are fewer than three.
    """
    rows, not_scored = [], 0
    for case, active, shadow in _shadowed(Spool(spool)):
        if {shadow.digest, active.digest} != {first.digest, second.digest}:
            continue
        if shadow.hot_probability is None:
            not_scored += 1
            continue
        one, other = (active, shadow) if active.digest == first.digest else (shadow, active)
        rows.append(
            {
                "case": case,
                "first": one.hot_probability,
                "second": other.hot_probability,
                "first_hot": one.is_hot,
                "second_hot": other.is_hot,
            }
        )
    notes = [f"{not_scored} cases were scored by the active signature only"] if not_scored else []
    return _comparison(
        pd.DataFrame(rows, columns=["case", "first", "second", "first_hot", "second_hot"]), first, second, notes
    )


def compare_on_table(table: Path, labels: Path | None, first: Signature, second: Signature) -> SignatureComparison:
    """Compare on a feature table; with labels, the AUCs too.

    Raises
    ------
    SignatureError
        The table lacks a column of one of them, or too few cases are scored by both.
    """
    features = read_table(table)
    one, other = score_table(first, features), score_table(second, features)
    both = (one["score"].notna() & other["score"].notna()).to_numpy(np.bool_)
    names = one["case"] if "case" in one else pd.Series(range(1, len(one) + 1)).astype(str)
    cases = pd.DataFrame(
        {
            "case": names,
            "first": one["score"],
            "second": other["score"],
            "first_hot": one["tendency"] == HOT,
            "second_hot": other["tendency"] == HOT,
        }
    )[both].reset_index(drop=True)
    notes = [f"{int((~both).sum())} rows are not scored by both"] if not both.all() else []
    found = _comparison(cases, first, second, notes)
    if labels is None:
        return found
    truth = phenotypes(read_table(labels, ("patient", "phenotype")))
    said = features["patient"].astype(str)[both].map(truth).reset_index(drop=True)
    known = said.notna().to_numpy(np.bool_)
    difference = compare_scores_of_same_cases(
        (said[known] == HOT).to_numpy(np.bool_),
        cases.loc[known, "first"].to_numpy(np.float64),
        cases.loc[known, "second"].to_numpy(np.float64),
    )
    return SignatureComparison(
        found.cases, {**found.summary, "auc_difference": {**asdict(difference), "n": int(known.sum())}}
    )


def write_comparison(folder: Path, found: SignatureComparison) -> None:
    """Write cases, differing cases, summary and the figure of Bland and Altman."""
    write_table(folder, "cases", found.cases)
    write_table(folder, "differing_cases", found.differing)
    first, second = (found.cases[name].to_numpy(np.float64) for name in ("first", "second"))
    names = (found.summary["first"], found.summary["second"])
    write_figure(folder, "agreement", agreement_figure(first, second, names))
    write_summary(folder, found.summary)


@dataclass(frozen=True)
class _Verdict:
    """The result of one signature for a case."""

    digest: str | None
    hot_probability: float | None
    """None where it could not score the case."""
    is_hot: bool
    """By the threshold, however sure that is."""


def _shadowed(spool: Spool) -> Iterator[tuple[str, _Verdict, _Verdict]]:
    """Yield job id, verdict and shadow's verdict of every case that was scored beside a shadow."""
    for job in spool.jobs(*SCORED_STATES):
        result = read_intact_result(job)
        if result is None or result.score is None or result.signature is None or result.shadow is None:
            continue
        score, shadow = result.score, result.shadow
        active = _Verdict(result.signature.digest, score.hot_probability, score.is_hot)
        yield job.id, active, _Verdict(shadow.digest, shadow.hot_probability, shadow.phenotype is Phenotype.HOT)


def _comparison(cases: pd.DataFrame, first: Signature, second: Signature, notes: list[str]) -> SignatureComparison:
    scores = (cases[name].to_numpy(np.float64) for name in ("first", "second"))
    verdicts = (cases[name].to_numpy(np.bool_) for name in ("first_hot", "second_hot"))
    found = agreement(*scores, *verdicts)
    return SignatureComparison(
        cases, {"first": first.name, "second": second.name, "agreement": found.to_json(), "notes": notes}
    )
