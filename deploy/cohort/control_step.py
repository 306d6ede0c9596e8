"""Measures the control regions of the lesions of a feature table, and writes a table of each kind beside it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rich.console import Console

from deploy.cohort.cases import OutlineCase
from deploy.cohort.cluster_tasks import run_tasks
from deploy.cohort.control_regions import control_features
from deploy.cohort.measure import in_order, kept_values, read_outline_case
from deploy.cohort.outline_bits import unpacked
from deploy.terminal import stepping
from model_store.cohort.control_tables import ControlRegion
from model_store.computing.cluster import Cluster
from model_store.files import readable_json, replace_durably
from model_store.signatures.profile import FeatureProfile
from workers.features.extraction import columns

CONTROLS = "controls"
"""Folder of the results, a file for each case."""


@dataclass(frozen=True)
class ControlTask:
    """A measured case whose control regions are measured."""

    case: OutlineCase
    profile: FeatureProfile
    measured: Path
    """The case's own result, which holds its ring."""
    folder: Path
    inputs: str

    @property
    def path(self) -> Path:
        """The result's file."""
        return self.folder / f"{self.case.key}.json"


def measure_controls(task: ControlTask) -> None:
    """Measure the control regions of a case and keep their features, or why there are none."""
    measured = kept_values(task.measured, task.inputs)
    if measured is None:
        raise RuntimeError(f"{task.measured.name} is not the result of this case")
    volume, roi, _ = read_outline_case(task.case, task.profile)
    found = control_features(volume, roi, unpacked(measured["ring"]), task.profile, int(task.case.key[:8], 16))
    task.folder.mkdir(parents=True, exist_ok=True)
    kept = {kind.value: values for kind, values in found.items()}
    replace_durably(task.path, readable_json({"inputs": task.inputs, **kept}))


def control_tables(
    features: pd.DataFrame,
    cases: Mapping[str, OutlineCase],
    profile: FeatureProfile,
    measured: Path,
    folder: Path,
    cluster: Cluster,
    console: Console,
) -> dict[str, pd.DataFrame]:
    """Return a table for each kind of control region, with a row for each measured row of the feature table.

    ``measured`` is the folder of the cases' own results, ``folder`` where the results of controls are kept.
    """
    rows = features[features["reason"] == ""]
    tasks = []
    for name in rows["case"]:
        case = cases[name]
        tasks.append(ControlTask(case, profile, measured / f"{case.key}.json", folder, case.inputs(profile)))
    todo = [task for task in tasks if kept_values(task.path, task.inputs) is None]
    failures: dict[str, str] = {}
    with stepping(console, "measuring control regions", len(tasks)) as step:
        for _ in range(len(tasks) - len(todo)):
            step()
        for ended in run_tasks(cluster, measure_controls, todo):
            if ended.failure:
                failures[ended.task.case.case] = ended.failure
            step()
    head = rows[["case", "patient"]].reset_index(drop=True)
    names = columns(profile)
    results = [_result(task, names) for task in tasks]
    return {kind.table: _table(head, results, failures, kind, names) for kind in ControlRegion}


def _result(task: ControlTask, names: Sequence[str]) -> dict[str, NDArray[np.float64] | str]:
    """Return the features of each control region in the order of these names, or why it has none."""
    found = kept_values(task.path, task.inputs) or {}
    regions = {kind.value: found[kind.value] for kind in ControlRegion if kind.value in found}
    return {name: one if isinstance(one, str) else in_order(one, names) for name, one in regions.items()}


def _table(
    head: pd.DataFrame,
    results: Sequence[Mapping[str, NDArray[np.float64] | str]],
    failures: Mapping[str, str],
    kind: ControlRegion,
    names: Sequence[str],
) -> pd.DataFrame:
    found = [result.get(kind.value, failures.get(case, "")) for case, result in zip(head["case"], results, strict=True)]
    reasons = [one if isinstance(one, str) else "" for one in found]
    nothing = np.full(len(names), np.nan)
    values = [nothing if isinstance(one, str) else one for one in found]
    table = pd.DataFrame(np.array(values, np.float64).reshape(len(found), len(names)), columns=list(names))
    return pd.concat([head, pd.Series(reasons, name="reason", dtype=object), table], axis=1)
