"""What the tests of whole studies share."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.backend_bases import FigureCanvasBase
from pydicom import dcmread

from deploy.simulation.phantom import Phantom, write_phantom
from listener.spool.jobs import job_id_for
from listener.spool.spool import Spool
from model_store.signatures.profile import DEFAULT_PROFILE
from model_store.signatures.registry import Registry
from model_store.signatures.shadow import Shadow
from support.broken_studies import SMALL
from support.claimed_jobs import claimed_job, keep_study
from support.cohort_tables import write_cohort
from support.study_commands import COHORTS, run
from workers.features.extraction import columns
from workers.features.measurement import measure
from workers.jobs import score_job as scoring
from workers.settings import WorkerSettings
from workers.stages import untimed


@pytest.fixture(scope="module")
def without_drawing() -> Iterator[None]:
    """Leave every figure empty: drawing takes half of the time of a validation, and other tests look at figures."""
    print_figure = FigureCanvasBase.print_figure

    def empty(canvas: FigureCanvasBase, *args: Any, **options: Any) -> Any:
        canvas.figure.clear()
        return print_figure(canvas, *args, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FigureCanvasBase, "print_figure", empty)
        yield


@pytest.fixture(scope="module")
def phantom(tmp_path_factory: pytest.TempPathFactory) -> Phantom:
    """Return a small study."""
    return write_phantom(tmp_path_factory.mktemp("phantom"), 5, **SMALL)


@pytest.fixture(scope="module")
def row(phantom: Phantom) -> pd.DataFrame:
    """Return the study's row of a feature table, measured by the workers' code."""
    found = measure(phantom.paths[:-1], phantom.seg_path, DEFAULT_PROFILE, untimed)
    features = {f"{r.region.value}_{name}": float(value) for r in found.regions for name, value in r.features.items()}
    names = {"case": "phantom", "patient": "phantom", "reason": ""}
    return pd.DataFrame([names | {name: features.get(name, np.nan) for name in columns(DEFAULT_PROFILE)}])


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory, row: pd.DataFrame) -> Path:
    """Return the configuration of a study that was trained, validated and published, by the commands."""
    folder = tmp_path_factory.mktemp("study")
    for name, (prefix, cases, seed) in COHORTS.items():
        write_cohort(folder, name, row, prefix, cases, seed)
    (folder / "radtme.yaml").write_text("data: data\n")
    (folder / "study.yaml").write_text(
        "output: out\n"
        "train: {id: ours, version: 1.0.0, features: train.parquet, labels: train_labels.csv, columns: [8],\n"
        "  max_depths: [3], trees: 20, repeats: 1, jobs: 1}\n"
        "validate:\n  clinical: train_clinical.csv\n  populations: train_populations.csv\n  cohorts:\n"
        "    - {name: external, features: external.parquet, labels: external_labels.csv,\n"
        "       clinical: external_clinical.csv}\n"
        "    - {name: treated, features: treated.parquet, clinical: treated_clinical.csv}\n"
        "  landmark: 12\n  markers: [{column: cps, at_least: 10}]\n  clinical_model: [subtype]\n"
        "publish: {intended_use: Tests, data_source: 'A | B <i>', limitations: [Few cases]}\n"
    )
    for command in ("train", "validate", "publish"):
        done = run(folder, command, folder / "study.yaml")
        assert done.exit_code == 0, done.output
    return folder / "study.yaml"


@pytest.fixture
def restored(study: Path) -> Iterator[Path]:
    """Return the same configuration; afterwards, the study's validation is what it was."""
    folder = study.parent / "out" / "validate"
    kept = folder.with_name("validate_kept")
    shutil.copytree(folder, kept)
    yield study
    shutil.rmtree(folder)
    kept.rename(folder)


@pytest.fixture
def in_service(study: Path, phantom: Phantom, tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Return what scores the phantom as a worker does and gives its ``result.json``."""
    registry = Registry(study.parent / "data" / "signatures")

    def score(version: int = 1) -> dict[str, Any]:
        spool = Spool(study.parent / "data" / "spool")
        keep_study(spool, phantom)
        seg = dcmread(phantom.seg_path, stop_before_pixels=True)
        # Of its own, as if the outline had come anew.
        job = claimed_job(spool, phantom, job_id=job_id_for(f"{seg.SOPInstanceUID}.{version}", 1))
        settings = WorkerSettings(spool.root, registry.root)
        scoring.run(spool, job, registry, settings, shadow=Shadow(registry))
        found = spool.find_job(job.id)
        assert found is not None
        return dict(json.loads((found.folder / "result.json").read_text()))

    return score
