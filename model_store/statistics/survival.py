"""Time to an event: Kaplan-Meier, log-rank and Cox (lifelines)."""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from model_store.errors import StudyError
from model_store.statistics.multiple_testing import false_discovery_rate
from model_store.statistics.optional_libraries import study_library

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

MIN_EVENTS = 5
"""With fewer, a hazard ratio is noise; none is given."""


@dataclass(frozen=True)
class SurvivalData:
    """Time to an event or to the end of observation, by patient."""

    table: pd.DataFrame
    """``time`` (positive, in the unit of the file) and ``event`` (bool), indexed by patient; complete."""
    left_out: int
    """Patients without a time or an event's flag, or with time 0."""

    @property
    def events(self) -> int:
        """How many patients had the event."""
        return int(self.table["event"].sum())


@dataclass(frozen=True)
class LogRank:
    """Whether groups differ in survival."""

    chi_squared: float
    degrees: int
    p: float


def outcome(clinical: pd.DataFrame, time: str, event: str) -> SurvivalData:
    """Read time and event from columns of a table.

    Raises
    ------
    StudyError
        A time that is no number or negative, or an event that is not 0 or 1.
    """
    times = pd.to_numeric(clinical[time], errors="coerce")
    if (times.isna() & clinical[time].notna()).any() or (times < 0).any():
        raise StudyError(f"column {time} contains values that are not times; expected numbers from 0, or empty cells")
    flags = pd.to_numeric(clinical[event].astype("object").replace({"True": 1, "False": 0}), errors="coerce")
    if not flags.dropna().isin([0, 1]).all() or (flags.isna() & clinical[event].notna()).any():
        raise StudyError(f"column {event} contains values other than 0 (no event until then) and 1 (event)")
    table = pd.DataFrame({"time": times.astype(np.float64), "event": flags})
    complete = table[table.notna().all(axis=1) & (table["time"] > 0)]
    return SurvivalData(complete.assign(event=complete["event"] == 1), len(table) - len(complete))


def kaplan_meier(time: Floats, event: Flags) -> pd.DataFrame:
    """Return the survival curve: ``time, at_risk, events, survival, low, high`` (95 %, log-log)."""
    fitter = study_library("lifelines").KaplanMeierFitter().fit(time, event)
    low, high = (fitter.confidence_interval_[column].to_numpy() for column in fitter.confidence_interval_)
    events = fitter.event_table
    return pd.DataFrame(
        {
            "time": fitter.survival_function_.index.to_numpy(np.float64),
            "at_risk": events["at_risk"].to_numpy(np.int64),
            "events": events["observed"].to_numpy(np.int64),
            "survival": fitter.survival_function_.iloc[:, 0].to_numpy(np.float64),
            "low": low,
            "high": high,
        }
    )


def median_survival(curve: pd.DataFrame) -> float:
    """Return when half of the patients had the event; NaN where the curve does not fall so far."""
    fallen = curve.loc[curve["survival"] <= 0.5, "time"]
    return float(fallen.iloc[0]) if len(fallen) else float("nan")


def at_risk(time: Floats, when: Floats) -> NDArray[np.int64]:
    """Return how many patients are still observed at these times."""
    return np.array([(time >= moment).sum() for moment in when], np.int64)


def log_rank(time: Floats, event: Flags, group: NDArray[Any]) -> LogRank:
    """Compare the survival of groups."""
    result = study_library("lifelines.statistics").multivariate_logrank_test(time, group, event)
    return LogRank(float(result.test_statistic), len(np.unique(group)) - 1, float(result.p_value))


def cox_table(found: SurvivalData, quantities: pd.DataFrame, standardise: bool = True) -> pd.DataFrame:
    """Fit a Cox model with each column alone (ties by Efron), over the patients that both indexes name.

    Returns one row per column: ``name, n, events, hazard_ratio, low, high, p, q, proportional_p, note``. The ratio is
    per standard deviation if `standardise`, else per unit. ``proportional_p`` tests proportional hazards (Schoenfeld,
    ranked times): small means that the ratio changes over time. Without a model (too few events, a constant column, no
    convergence) there are no numbers, and ``note`` says why.
    """
    rows = found.table.index.intersection(quantities.index)
    fitted = [
        _cox(name, found.table.loc[rows], quantities.loc[rows, name].to_numpy(np.float64), standardise)
        for name in quantities.columns
    ]
    table = pd.DataFrame(fitted, columns=["name", "n", "events", *_COX, "note"])
    table.insert(7, "q", false_discovery_rate(table["p"].to_numpy(np.float64)))
    return table


_COX = ("hazard_ratio", "low", "high", "p", "proportional_p")


def _cox(name: str, table: pd.DataFrame, values: Floats, standardise: bool) -> dict[str, float | str]:
    complete = table.assign(x=values).dropna()
    counted: dict[str, float | str] = {"name": name, "n": len(complete), "events": int(complete["event"].sum())}
    nothing = dict.fromkeys(_COX, np.nan)
    if int(complete["event"].sum()) < MIN_EVENTS:
        return counted | nothing | {"note": f"fewer than {MIN_EVENTS} events"}
    spread = float(complete["x"].std())
    if not spread > 0:
        return counted | nothing | {"note": "all values are the same"}
    if standardise:
        complete["x"] = (complete["x"] - complete["x"].mean()) / spread
    lifelines, failures = study_library("lifelines"), study_library("lifelines.exceptions")

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", failures.ConvergenceWarning)
            fitter = lifelines.CoxPHFitter().fit(complete, "time", "event", fit_options={"precision": 1e-12})
    except (failures.ConvergenceError, failures.ConvergenceWarning):
        return counted | nothing | {"note": "the model does not converge"}
    row = fitter.summary.loc["x"]
    proportional = study_library("lifelines.statistics").proportional_hazard_test(
        fitter, complete, time_transform="rank"
    )
    numbers = (
        row["exp(coef)"],
        row["exp(coef) lower 95%"],
        row["exp(coef) upper 95%"],
        row["p"],
        np.ravel(proportional.p_value)[0],
    )
    return counted | dict(zip(_COX, map(float, numbers), strict=True)) | {"note": ""}
