"""Survival of the phenotypes: their curves, each population's hazard ratio, and cut-offs."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from model_store.errors import StudyError
from model_store.phenotype.phenotype import COLD, HOT
from model_store.phenotype.plan import ClinicalData
from model_store.reporting.step_output import write_figure, write_table
from model_store.reporting.survival_figures import cut_off_figure, forest_figure, ratio_text, survival_figure
from model_store.statistics.multiple_testing import false_discovery_rate
from model_store.statistics.survival import SurvivalData, cox_table, kaplan_meier, log_rank, median_survival, outcome
from model_store.statistics.survival_cut_off import CutOff, optimal_cut_off

IMMUNE_LEVEL = "immune level"
HOT_AGAINST_COLD = "hot against cold"
ABOVE_MEDIAN = "above the median"


def write_survival(
    folder: Path,
    clinical: pd.DataFrame,
    named: ClinicalData,
    phenotype: "pd.Series[str]",
    quantities: pd.DataFrame,
    level: "pd.Series[float]",
) -> dict[str, Any]:
    """Write curves, Cox models and cut-offs.

    Args:
        folder: of the step.
        clinical: indexed by patient.
        named: says which columns are time and event.
        phenotype: by patient.
        quantities: patients in rows, populations in columns.
        level: of all immune populations together, by patient.
    """
    found = outcome(clinical, named.time, named.event)
    groups = {kind: found.table[phenotype.loc[found.table.index] == kind] for kind in (HOT, COLD)}
    if not all(len(group) for group in groups.values()):
        raise StudyError(f"no patient of one phenotype has a time and an event in {named.time} and {named.event}")
    curves = {kind: _curve(group) for kind, group in groups.items()}
    write_table(folder, "kaplan_meier", pd.concat([curves[kind].assign(phenotype=kind) for kind in curves]))
    tested = log_rank(*_times(found.table), phenotype.loc[found.table.index].to_numpy())
    is_hot = (phenotype == HOT).astype(float).to_frame(HOT_AGAINST_COLD)
    ratio = cox_table(found, is_hot, standardise=False)
    text = ratio_text(ratio.iloc[0].to_dict(), "log-rank", tested.p)
    write_figure(folder, "kaplan_meier", survival_figure(groups, text, HOT_AGAINST_COLD))
    populations = cox_table(found, quantities)
    write_table(folder, "cox_populations", populations)
    if populations["hazard_ratio"].notna().any():
        write_figure(folder, "cox_populations", forest_figure(populations))
    return {
        "n": len(found.table),
        "left_out": found.left_out,
        "events": found.events,
        "log_rank": asdict(tested),
        "median": {kind: median_survival(curve) for kind, curve in curves.items()},
        HOT_AGAINST_COLD.replace(" ", "_"): ratio.iloc[0].to_dict(),
        "populations_with_q_below_0.05": int((populations["q"] < 0.05).sum()),
        "within": {kind: _write_within(folder, kind, group, quantities, level) for kind, group in groups.items()},
        "cut_off": _write_cut_offs(folder, found, quantities.assign(**{IMMUNE_LEVEL: level})),
    }


def _times(table: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    return table["time"].to_numpy(np.float64), table["event"].to_numpy(np.bool_)


def _curve(group: pd.DataFrame) -> pd.DataFrame:
    return kaplan_meier(*_times(group))


def _write_within(
    folder: Path, kind: str, group: pd.DataFrame, quantities: pd.DataFrame, level: "pd.Series[float]"
) -> dict[str, Any]:
    """Write the Cox models of one phenotype's patients, and their survival above and up to the median immune level.

    The whole cohort's hazard ratios mix what differs between the phenotypes with what matters within each of them.
    """
    part = SurvivalData(group, 0)
    populations = cox_table(part, quantities)
    write_table(folder, f"cox_populations_{kind}", populations)
    if populations["hazard_ratio"].notna().any():
        write_figure(folder, f"cox_populations_{kind}", forest_figure(populations))
    above = level.loc[group.index] > level.loc[group.index].median()
    summary = {
        "n": len(group),
        "events": part.events,
        "populations_with_q_below_0.05": int((populations["q"] < 0.05).sum()),
    }
    if not above.any():
        return summary
    tested = log_rank(*_times(group), above.to_numpy())
    ratio = cox_table(part, above.astype(float).to_frame(ABOVE_MEDIAN), standardise=False).iloc[0]
    parts = {ABOVE_MEDIAN: group[above], "up to it": group[~above]}
    figure = survival_figure(
        parts, ratio_text(ratio.to_dict(), "log-rank", tested.p), f"within {kind}, by {IMMUNE_LEVEL}"
    )
    write_figure(folder, f"kaplan_meier_{kind}", figure)
    return summary | {"log_rank": asdict(tested), "above_against_up_to_median": ratio.to_dict()}


def _write_cut_offs(folder: Path, found: SurvivalData, quantities: pd.DataFrame) -> dict[str, Any] | None:
    """Write the best cut-off of each quantity; return that of the immune level, which is drawn too."""
    known = quantities.loc[found.table.index]
    cuts = {name: optimal_cut_off(known[name].to_numpy(np.float64), *_times(found.table)) for name in known.columns}
    table = pd.DataFrame([_row(name, cut) for name, cut in cuts.items()])
    write_table(folder, "cut_offs", table.assign(q=false_discovery_rate(table["p"].to_numpy(np.float64))))
    cut = cuts[IMMUNE_LEVEL]
    if cut is None:
        return None
    above = known[IMMUNE_LEVEL] > cut.value
    groups = {f"above {cut.value:.2g}": found.table[above], f"up to {cut.value:.2g}": found.table[~above]}
    title = "by the best cut-off of the immune level"
    flag = above.astype(float).to_frame("above")
    text = ratio_text(cox_table(found, flag, standardise=False).iloc[0].to_dict(), "corrected for the search:", cut.p)
    write_figure(folder, "cut_off_survival", survival_figure(groups, f"{text} (the ratio is not corrected)", title))
    write_figure(folder, "cut_off", cut_off_figure(cut, "immune level (mean z-score)"))
    return _row(IMMUNE_LEVEL, cut)


def _row(name: str, cut: CutOff | None) -> dict[str, Any]:
    if cut is None:
        return {"name": name, "cut_off": np.nan, "statistic": np.nan, "p": np.nan, "at_or_below": 0, "above": 0}
    return {
        "name": name,
        "cut_off": cut.value,
        "statistic": cut.statistic,
        "p": cut.p,
        "at_or_below": cut.at_or_below,
        "above": cut.above,
    }
