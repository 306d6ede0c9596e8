"""Survival by score: cases split at the median score, as in Han et al. (2024)."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from model_store.statistics.survival import cox_table, kaplan_meier, log_rank, outcome
from model_store.validation.cohort_validation import ScoredCohort

HIGH, LOW = "score above the median", "score up to the median"


@dataclass(frozen=True)
class MedianSplit:
    """Outcome of the patients above and up to the median score."""

    curves: dict[str, pd.DataFrame]
    """Kaplan-Meier curves by group."""
    groups: dict[str, pd.DataFrame]
    """``time`` and ``event`` of each patient, by group."""
    ratio: dict[str, Any]
    """The row of `cox_table`: above against up to the median."""
    numbers: dict[str, Any]
    """JSON-ready."""


def median_split(cohort: ScoredCohort, time: str, event: str) -> MedianSplit | None:
    """Split patients at the median of their (mean) score and compare their outcome; None where it is not known."""
    cases = cohort.cases
    if time not in cases or event not in cases or cases[[time, event]].dropna().empty:
        return None
    patients = cases.groupby("patient").agg({"score": "mean", time: "first", event: "first"})
    known = outcome(patients, time, event)
    score = patients.loc[known.table.index, "score"]
    median = float(score.median())
    high = (score > median).to_numpy(np.bool_)
    if len(known.table) < 4 or high.all() or not high.any():
        return None
    times, events = known.table["time"].to_numpy(np.float64), known.table["event"].to_numpy(np.bool_)
    test = log_rank(times, events, high)
    quantities = pd.DataFrame({HIGH: high.astype(float)}, index=known.table.index)
    ratio = cox_table(known, quantities, standardise=False).iloc[0]
    numbers = {
        "patients": len(known.table),
        "events": known.events,
        "left_out": known.left_out,
        "median_score": median,
        "above": {"n": int(high.sum()), "events": int(events[high].sum())},
        "up_to": {"n": int((~high).sum()), "events": int(events[~high].sum())},
        "log_rank": asdict(test),
        "hazard_ratio_above_against_up_to": _ratio(ratio),
    }
    curves = {name: kaplan_meier(times[part], events[part]) for name, part in ((HIGH, high), (LOW, ~high))}
    groups = {HIGH: known.table[high], LOW: known.table[~high]}
    return MedianSplit(curves, groups, {str(name): value for name, value in ratio.items()}, numbers)


def _ratio(row: "pd.Series[Any]") -> dict[str, Any]:
    values = {
        name: float(row[column]) for name, column in (("value", "hazard_ratio"), ("low", "low"), ("high", "high"))
    }
    finite = all(np.isfinite(value) for value in values.values())
    return {**values, "p": float(row["p"])} if finite else {"note": str(row["note"]) or "no finite ratio"}
