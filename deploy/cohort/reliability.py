"""Reliability: repeated outlines and scans where a cohort has them, else outlines that are redrawn at random."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console

from deploy.cohort.cases import OutlineCase
from deploy.cohort.cluster_tasks import run_tasks
from deploy.cohort.extract import RESULTS, find_cases
from deploy.cohort.measure import kept_values, measured_values, read_outline_case
from deploy.cohort.outline_bits import dice
from deploy.errors import CommandError, WrongUsage
from deploy.terminal import saying, stepping
from model_store.cohort.plan import ExtractPlan
from model_store.cohort.provenance import provenance, stamp
from model_store.cohort.repeated_outlines import RATINGS, SMALLEST, Repetition
from model_store.computing.cluster import Cluster
from model_store.files import readable_json, replace_durably
from model_store.reliability.figures import icc_figure, kept_figure
from model_store.reliability.plan import Perturbation, ReliabilityPlan
from model_store.reliability.reliability import (
    CLASSES,
    Repeats,
    agreement_of,
    icc_table,
    ratings_table,
    repeated_by_readers,
)
from model_store.reliability.repeated_scans import repeated_scans
from model_store.reporting.step_output import (
    fingerprint,
    is_done,
    mark_begun,
    mark_done,
    write_figure,
    write_summary,
    write_table,
)
from model_store.signatures.profile import FeatureProfile
from workers.errors import RejectedInput
from workers.features.extraction import columns
from workers.features.measurement import measure_roi
from workers.features.redrawn_outlines import BorderDistance, redrawn
from workers.outline.region_of_interest import RegionOfInterest


@dataclass(frozen=True)
class RedrawingTask:
    """An outline that is redrawn and measured again."""

    case: OutlineCase
    profile: FeatureProfile
    folder: Path
    how: Perturbation
    seed: int
    repeat: int
    inputs: str

    @property
    def path(self) -> Path:
        """The result's file."""
        return self.folder / f"{self.case.key}-{self.repeat}.json"


def measure_redrawn(task: RedrawingTask) -> str:
    """Redraw an outline, measure it, and keep the result; return the reason why there is none, else an empty text."""
    try:
        volume, roi, segment = read_outline_case(task.case, task.profile)
        rng = np.random.default_rng([task.seed, task.repeat, int(task.case.key[:8], 16)])
        mask = redrawn(BorderDistance.of(roi.tumour, volume.grid.spacing_zyx), rng, task.how)
        result = measured_values(measure_roi(volume, RegionOfInterest(mask, roi.other_tissue), task.profile, segment))
    except RejectedInput as refusal:
        result = {"reason": refusal.reason.value, "message": str(refusal)}
    task.folder.mkdir(parents=True, exist_ok=True)
    replace_durably(task.path, readable_json({"inputs": task.inputs, **result}))
    return str(result.get("reason", ""))


def reliability(
    plan: ReliabilityPlan, extraction: ExtractPlan, extracted: Path, folder: Path, console: Console
) -> pd.DataFrame:
    """Write ``icc`` and figures into a step's folder, from the extraction in ``extracted``; return the table.

    Raises
    ------
    CommandError
        Nothing was extracted yet, or too few lesions for an ICC.
    StudyError
        The list of repeated scans is wrong.
    """
    source = extracted / "tables" / "outlines.parquet"
    if not source.is_file():
        raise CommandError("there is no table of outlines", "run radtme cohort extract first")
    if plan.retest is not None and not plan.retest.is_file():
        raise WrongUsage(f"reliability.retest: {plan.retest} is not a file")
    inputs = fingerprint(plan, [source, *([plan.retest] if plan.retest else [])])
    if is_done(folder, inputs):
        console.print("reliability: nothing has changed")
        return pd.read_parquet(folder / "tables" / "icc.parquet")
    mark_begun(folder)
    outlines = pd.read_parquet(source)
    features = list(columns(extraction.feature_profile))
    repeats = repeated_by_readers(outlines)
    if plan.retest is not None:
        repeats.append(repeated_scans(outlines, plan.retest))
    agreements = {one.kind: agreement_of(outlines, one, features) for one in repeats}
    ratings = [ratings_table(outlines, one, features) for one in repeats]
    of_readers = [one for one in repeats if one.kind is not Repetition.RETEST]  # two scans have no voxels in common
    overlap = {str(one.kind): _dice(outlines, one, extracted) for one in of_readers}
    if Repetition.INTER not in agreements:
        with Cluster(plan.jobs or extraction.jobs, extraction.scheduler, saying(console)) as cluster:
            redrawn_outlines, repeated = _redraw(plan, extraction, extracted, folder, outlines, cluster, console)
        agreements[Repetition.PERTURBED] = agreement_of(redrawn_outlines, repeated, features)
        ratings.append(ratings_table(redrawn_outlines, repeated, features))
    table = icc_table(agreements, plan.threshold)
    origin = provenance("reliability", outlines, outlines["patient"].astype(str), used_labels=False)
    table = stamp(table, origin)
    write_table(folder, "icc", table)
    write_table(folder, RATINGS, pd.concat(ratings, ignore_index=True))
    write_figure(folder, "icc_by_class", icc_figure(table, plan.threshold))
    write_figure(folder, "kept_by_class", kept_figure(table))
    write_summary(folder, summary_of(table, plan, repeats, overlap))
    mark_done(folder, inputs)
    return table


def _redraw(
    plan: ReliabilityPlan,
    extraction: ExtractPlan,
    extracted: Path,
    folder: Path,
    outlines: pd.DataFrame,
    cluster: Cluster,
    console: Console,
) -> tuple[pd.DataFrame, Repeats]:
    """Return the measured outlines followed by their redrawn ones, and which belong together."""
    chosen = _drawn_cases(plan, outlines)
    cases = {one.case: one for one in find_cases(extraction, extracted, cluster, console)}
    profile = extraction.feature_profile
    tasks = [
        RedrawingTask(case, profile, folder / RESULTS, plan.perturb, plan.seed, repeat, _inputs(case, plan, profile))
        for case in (cases[name] for name in chosen)
        for repeat in range(1, plan.perturb.repeats + 1)
    ]
    todo = [task for task in tasks if kept_values(task.path, task.inputs) is None]
    with stepping(console, "measuring redrawn outlines", len(tasks)) as step:
        for _ in range(len(tasks) - len(todo)):
            step()
        for _ in run_tasks(cluster, measure_redrawn, todo):
            step()
    rows: list[dict[Any, Any]] = []
    groups: list[tuple[int, ...]] = []
    for name in chosen:
        measured = [kept_values(task.path, task.inputs) for task in tasks if task.case.case == name]
        found = [one["features"] for one in measured if one is not None and "features" in one]
        if len(found) == plan.perturb.repeats:
            original = outlines.loc[outlines["case"] == name].iloc[0].to_dict()
            groups.append(tuple(range(len(rows), len(rows) + 1 + len(found))))
            rows.extend([original, *found])
    if len(groups) < SMALLEST:
        raise CommandError(
            f"{len(groups)} lesions could be measured with redrawn outlines; an ICC needs {SMALLEST}",
            "measure more lesions first, or give repeated outlines",
        )
    raters = ("original", *(f"redrawn {repeat + 1}" for repeat in range(plan.perturb.repeats)))
    return pd.DataFrame(rows), Repeats(Repetition.PERTURBED, tuple(groups), raters)


def _drawn_cases(plan: ReliabilityPlan, outlines: pd.DataFrame) -> list[str]:
    """Return the lesions that are redrawn, chosen by the seed."""
    measured = outlines[outlines["reason"] == ""].drop_duplicates("lesion")["case"].sort_values().tolist()
    count = min(plan.perturb.cases or len(measured), len(measured))
    chosen = np.random.default_rng(plan.seed).choice(len(measured), count, replace=False)
    return [measured[index] for index in sorted(chosen.tolist())]


def _inputs(case: OutlineCase, plan: ReliabilityPlan, profile: FeatureProfile) -> str:
    return fingerprint(plan.perturb, more=[case.inputs(profile), str(plan.seed)])


def _dice(outlines: pd.DataFrame, repeats: Repeats, extracted: Path) -> dict[str, float]:
    """Return how much repeated outlines overlap."""
    values = []
    for row in repeats.rows:
        names = [outlines.at[at, "case"] for at in row]
        results = [_result(extracted, str(name)) for name in names]
        values.append(dice(results[0]["outline"], results[1]["outline"]))
    return {"median": float(np.median(values)), "least": float(np.min(values))}


def _result(extracted: Path, case: str) -> dict[str, Any]:
    path = extracted / RESULTS / f"{OutlineCase(case, '', (), '').key}.json"
    found: dict[str, Any] = json.loads(path.read_bytes())
    return found


def summary_of(
    table: pd.DataFrame, plan: ReliabilityPlan, repeats: Sequence[Repeats], overlap: dict[str, dict[str, float]]
) -> dict[str, Any]:
    """Return the numbers of the study's report."""
    kinds = {}
    for kind in Repetition:
        values = table[f"icc_{kind}"].dropna()
        if len(values):
            kinds[str(kind)] = {
                "lesions": int(table[f"n_{kind}"].max()),
                "median": float(values.median()),
                "quartiles": [float(values.quantile(0.25)), float(values.quantile(0.75))],
                "at_least_threshold": int((values >= plan.threshold).sum()),
                "dice": overlap.get(str(kind)),
            }
    return {
        "threshold": plan.threshold,
        "features": len(table),
        "kept": int(table["kept"].sum()),
        "kinds": kinds,
        "substitute": str(Repetition.PERTURBED) in kinds,
        "seed": plan.seed,
        "perturbation": vars(plan.perturb),
        "kept_by_class": {
            f"{region} {name}": int(
                ((table["region"] == region) & (table["feature_class"] == name) & table["kept"]).sum()
            )
            for region in ("tumour", "ring")
            for name in CLASSES
        },
    }
