"""Extraction: every outline of a cohort measured with the workers' own code, in parallel, and put into tables."""

import csv
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from deploy.cohort.cases import OutlineCase, dicom_cases, studies_without_outline
from deploy.cohort.cluster_tasks import run_tasks
from deploy.cohort.control_step import CONTROLS, control_tables
from deploy.cohort.feature_tables import CohortTables, MeasuredOutline, cohort_tables
from deploy.cohort.index import index_folder, indexed_images
from deploy.cohort.measure import MeasuringTask, kept_result, measure_case
from deploy.cohort.pair_lists import listed_pairs, named_pairs, pairs_below
from deploy.errors import CommandError, WrongUsage
from deploy.terminal import counting, saying, stepping, working
from model_store.cohort.acquisition_table import acquisition_table
from model_store.cohort.control_tables import ControlRegion
from model_store.cohort.plan import ExtractPlan, ResampleMasks
from model_store.computing.cluster import Cluster
from model_store.reporting.step_output import mark_begun, mark_done, write_summary, write_table
from workers.outline.outline import NO_RULES
from workers.outline.segment_rules import SegmentRules

if TYPE_CHECKING:
    from deploy.cohort.retrieve import NotRetrieved


INDEX = "index.jsonl"
RESULTS = "cases"
RECEIVED = "received"


@dataclass(frozen=True)
class Extracted:
    """The outcome of an extraction."""

    tables: CohortTables
    measured_now: int
    """The others were measured by an earlier run."""


def extract(plan: ExtractPlan, folder: Path, console: Console) -> Extracted:
    """Measure a cohort into a step's folder. Results of an earlier run from the same inputs are kept.

    Raises
    ------
    CommandError
        There is no outline to measure, or the list of pairs is wrong.
    ComputingError
        The Dask scheduler cannot be reached or is gone.
    """
    with Cluster(plan.jobs, plan.scheduler, saying(console)) as cluster:
        return _extract(plan, folder, cluster, console)


def _extract(plan: ExtractPlan, folder: Path, cluster: Cluster, console: Console) -> Extracted:
    missing = _fetch(plan, folder, console)
    cases = find_cases(plan, folder, cluster, console)
    if not cases:
        raise CommandError(
            "no outline found: neither a DICOM SEG or RTSTRUCT nor a pair of image and mask",
            "check extract.folder in the configuration; radtme cohort extract --help describes the accepted files",
        )
    mark_begun(folder)
    profile = plan.feature_profile
    tasks = [MeasuringTask(case, profile, folder / RESULTS, case.inputs(profile)) for case in cases]
    results: dict[str, Any] = {task.case.key: kept_result(task) for task in tasks}
    todo = [task for task in tasks if results[task.case.key] is None]
    with stepping(console, "measuring outlines", len(tasks)) as step:
        for _ in range(len(tasks) - len(todo)):
            step()
        for ended in run_tasks(cluster, measure_case, todo):
            task = ended.task
            # Failures of the process, unlike those of the case, are retried by the next run.
            broken = {"reason": ended.failure, "message": ended.detail}
            results[task.case.key] = broken if ended.failure else kept_result(task)
            step()
    measured = [MeasuredOutline(case, results[case.key] or {"reason": "internal_error"}) for case in cases]
    measured += map(_not_there, missing)
    if plan.pairs is None and plan.names is None:
        measured += map(_no_outline, studies_without_outline(indexed_images(folder / INDEX), cases))
    tables = cohort_tables(measured, profile)
    _write(folder, tables, plan)
    _write_controls(plan, tables, cases, folder, cluster, console)
    mark_done(folder, "cases")  # each case has its own key; the index is always renewed
    return Extracted(tables, len(todo))


def _fetch(plan: ExtractPlan, folder: Path, console: Console) -> "list[NotRetrieved]":
    if plan.pacs is None:
        return []
    from deploy.cohort.retrieve import retrieve_studies

    return retrieve_studies(plan.pacs, folder / RECEIVED, console)


def _not_there(one: "NotRetrieved") -> MeasuredOutline:
    """Return the row of a study that was not retrieved; only the PACS knows its patient."""
    case = OutlineCase(one.entry, patient="", images=(), outline="", study_uid=one.study_uid)
    return MeasuredOutline(case, {"reason": one.reason, "message": one.message})


def _no_outline(case: OutlineCase) -> MeasuredOutline:
    """Return the row of a study without an outline, or whose outline is not recognisable as one."""
    message = "expected a DICOM SEG or RTSTRUCT of the study's images, found none that can be read as DICOM"
    return MeasuredOutline(case, {"reason": "no_outline", "message": message})


def find_cases(plan: ExtractPlan, folder: Path, cluster: Cluster, console: Console) -> list[OutlineCase]:
    """Return the outlines that a plan selects, after they were retrieved where they are in a PACS."""
    readers = _readers(plan.readers)
    if plan.pairs is not None:
        if not plan.pairs.is_file():
            raise WrongUsage(f"extract.pairs: {plan.pairs} is not a file")
        return _as_planned(listed_pairs(plan.pairs), plan, readers)
    source = folder / RECEIVED if plan.pacs is not None else plan.folder
    assert source is not None  # noqa: S101
    if not source.is_dir():
        raise WrongUsage(f"extract.folder: {source} is not a folder")
    if plan.names is not None:
        return _as_planned(named_pairs(source, plan.names), plan, readers)
    rules = _rules(plan)
    with working(console, "reading headers") as tell:
        files = index_folder(source, folder / INDEX, cluster, counting(tell, "reading headers", "files"), rules)
    return [*dicom_cases(source, files, readers, rules), *_as_planned(pairs_below(source), plan, readers)]


def _rules(plan: ExtractPlan) -> SegmentRules:
    """Return the segment rules of the service, for the plan's sender."""
    if plan.service_configuration is None:
        return NO_RULES
    from deploy.configuration.load import load_configuration

    return SegmentRules(load_configuration(plan.service_configuration).workers.segment_rules, plan.sender)


def _readers(file: Path | None) -> dict[str, str]:
    if file is None:
        return {}
    try:
        with file.open(newline="", encoding="utf-8-sig") as stream:
            return {row["seg_uid"]: row["reader"] for row in csv.DictReader(stream)}
    except (OSError, KeyError) as error:
        raise WrongUsage(f"extract.readers: {file}: expected a CSV with the columns seg_uid and reader") from error


def _as_planned(cases: Sequence[OutlineCase], plan: ExtractPlan, readers: dict[str, str]) -> list[OutlineCase]:
    """Return pairs with what the plan states about all of them."""
    resample = plan.resample_masks is ResampleMasks.NEAREST
    return [
        replace(
            case,
            reader=readers.get(case.case, case.reader),
            phase=case.phase or plan.phase,
            resample_mask=resample,
        )
        for case in cases
    ]


def _write(folder: Path, tables: CohortTables, plan: ExtractPlan) -> None:
    for name in ("features", "outlines", "reasons", "not_computable"):
        write_table(folder, name, getattr(tables, name))
    write_table(folder, "acquisition", acquisition_table(tables.features[tables.features["reason"] == ""]))
    write_summary(folder, summary_of(tables, plan))


def _write_controls(
    plan: ExtractPlan,
    tables: CohortTables,
    cases: Sequence[OutlineCase],
    folder: Path,
    cluster: Cluster,
    console: Console,
) -> None:
    """Write the tables of control regions; remove those of an earlier run where the plan measures none."""
    if not plan.controls:
        for kind in ControlRegion:
            for path in (folder / "tables").glob(f"{kind.table}.*"):
                path.unlink()
        return
    by_name = {case.case: case for case in cases}
    measured, kept = folder / RESULTS, folder / CONTROLS
    found = control_tables(tables.features, by_name, plan.feature_profile, measured, kept, cluster, console)
    for name, table in found.items():
        write_table(folder, name, table)


def summary_of(tables: CohortTables, plan: ExtractPlan) -> dict[str, Any]:
    """Return the numbers that the study's report shows."""
    features = tables.features
    measured = features[features["reason"] == ""]
    count: Callable[[str], dict[str, int]] = lambda name: dict(sorted(Counter(measured[name]).items()))  # noqa: E731
    return {
        "profile": plan.feature_profile.name,
        "patients": int(features.loc[features["patient"] != "", "patient"].nunique()),
        "lesions": len(features),
        "measured": len(measured),
        "outlines": len(tables.outlines),
        "columns": sum(name.startswith(("tumour_", "ring_")) for name in features.columns),
        "reasons": dict(sorted(Counter(tables.reasons["reason"]).items())),
        "sites": count("site"),
        "scanners": count("scanner"),
    }
