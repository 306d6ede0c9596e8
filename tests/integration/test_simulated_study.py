"""A simulated cohort, as DICOM, through the real commands: planted effects are found, and no others."""

import csv
import io
import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from pydicom import dcmread
from scipy.stats import rankdata

from deploy.cohort.cluster_tasks import run_tasks
from model_store.cohort.repeated_outlines import require_recomputed
from model_store.computing.cluster import Cluster
from support.installation import RADTME, Installation, send
from support.twin_tumours import Twin, measure_twin

pytestmark = pytest.mark.timeout(3600)

SEED, PATIENTS = 21, 54
PAIRS = 4
TOP = 20
FEATURES = 2 * 479
PERMUTATIONS = 500
EXTRACT = "{folder: dicom, controls: no}"
"""Nothing here asks for control regions, which take as long as the tumours."""
TRAIN = "columns: [8], max_depths: [3], trees: 20, repeats: 1, alternatives: no"

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


def radtme(*words: object) -> str:
    """Run the command as a person does, and return what it printed."""
    done = subprocess.run(
        [*RADTME, *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@dataclass(frozen=True)
class Cohort:
    """A simulated cohort that was extracted."""

    folder: Path

    @property
    def features(self) -> Path:
        """The feature table."""
        return self.folder / "out" / "extract" / "tables" / "features.parquet"

    def labels(self) -> pd.DataFrame:
        """Return the planted phenotypes."""
        return pd.read_csv(self.folder / "labels.csv")

    def study(self, name: str, labels: pd.DataFrame) -> dict[str, Any]:
        """Train and validate on these labels; return what each step says in numbers."""
        labels.to_csv(self.folder / f"{name}.csv", index=False)
        file = self.folder / f"{name}.yaml"
        train = f"{{id: {name}, seed: 1, features: {self.features}, labels: {name}.csv, {TRAIN}}}"
        file.write_text(f"output: {name}\ntrain: {train}\nvalidate: {{}}\npublish: {{data_source: Nobody}}\n")
        for step in ("train", "validate"):
            radtme("signature", step, file)
        return {
            step: json.loads((self.folder / name / step / "summary.json").read_text()) for step in ("train", "validate")
        }


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Cohort:
    """Return a cohort of three sites, simulated and extracted by the commands."""
    folder = tmp_path_factory.mktemp("cohort")
    radtme("cohort", "simulate", "--output", folder, "--seed", SEED, "--patients", PATIENTS, "--repeated", 0)
    (folder / "extract.yaml").write_text(f"output: out\nextract: {EXTRACT}\n")
    radtme("cohort", "extract", folder / "extract.yaml")
    return Cohort(folder)


@pytest.fixture(scope="module")
def found(cohort: Cohort) -> dict[str, Any]:
    """Return what training and validation say of the planted phenotypes."""
    return cohort.study("planted", cohort.labels())


@pytest.fixture(scope="module")
def shuffled(cohort: Cohort) -> pd.DataFrame:
    """Return the phenotypes in random order."""
    labels = cohort.labels()
    return labels.assign(phenotype=np.random.default_rng(SEED).permutation(labels["phenotype"].to_numpy()))


@pytest.fixture(scope="module")
def table(cohort: Cohort) -> pd.DataFrame:
    """Return the features that every patient of the cohort has, by patient."""
    frame = pd.read_parquet(cohort.features).set_index("patient")
    columns = [name for name in frame if name.startswith(("tumour_", "ring_"))]
    usable = frame[columns].notna().all() & (frame[columns].nunique() > 1)
    return frame[[name for name in columns if usable[name]]]


@pytest.fixture(scope="module")
def planted(table: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Floats:
    """Return for each feature whether inflammation raises (1) or lowers (-1) it, or is not planted in it (0).

    It is planted where it moves the feature of every twin the same way, on average by more than patients differ.
    """
    folder = tmp_path_factory.mktemp("twins")
    twins = [Twin(n, level, folder / f"{n}-{level}") for n in range(PAIRS) for level in (0.2, 0.8)]
    with Cluster(2) as cluster:
        ended = list(run_tasks(cluster, measure_twin, twins))
    values = {(one.task.number, one.task.inflammation): one.value for one in ended}
    names = list(table.columns)
    moved = np.array([[values[n, 0.8][name] - values[n, 0.2][name] for name in names] for n in range(PAIRS)])
    same = np.abs(np.sign(moved).sum(axis=0)) == PAIRS
    return np.where(same & (np.abs(moved.mean(axis=0)) > table.std().to_numpy()), np.sign(moved.mean(axis=0)), 0.0)


def test_reliability_is_told_of_every_feature(cohort: Cohort) -> None:
    """These tumours have one outline each, so outlines are redrawn: one row for each feature, and the number kept.

    A training computes the table again from the values that lie beside it.
    """
    file = cohort.folder / "redrawn.yaml"
    few = "{perturb: {cases: 6, repeats: 1}}"
    file.write_text(f"output: out\nextract: {EXTRACT}\nreliability: {few}\n")
    said = radtme("cohort", "reliability", file)
    path = cohort.folder / "out" / "reliability" / "tables" / "icc.parquet"
    table = pd.read_parquet(path)
    assert "recomputed from ratings.parquet" in require_recomputed(path, table, pd.read_parquet(cohort.features))
    assert len(table) == FEATURES
    assert f"{table['kept'].sum()} of {FEATURES} features have an ICC" in said
    assert 0 < table["kept"].sum() < FEATURES


def areas(ranks: Floats, hot: Flags) -> Floats:
    """Return how far above one half each feature's AUC lies."""
    number = hot.sum()
    above: Floats = (ranks[hot].sum(axis=0) - number * (number + 1) / 2) / (number * (len(hot) - number)) - 0.5
    return above


def strength(above: Floats, planted: Floats) -> float:
    """Return how far above one half the AUC of a planted feature lies on average, in the direction it was planted."""
    return float((above * planted).sum() / np.abs(planted).sum())


def hits(above: Floats, planted: Floats) -> int:
    """Return how many of the features that tell the classes apart best are planted ones that point the right way."""
    top = np.argsort(-np.abs(above), kind="stable")[:TOP]
    return int((np.sign(above[top]) == planted[top]).sum())


def chances(ranks: Floats, hot: Flags, planted: Floats) -> tuple[float, float]:
    """Return how often shuffled labels have as much strength, and as many hits.

    Features correlate: where chance favours one, it favours all that are like it. So the hits of shuffled labels are
    mostly none and sometimes all, and a table that counts features as independent would find far too much.
    """
    random = np.random.default_rng(1)
    dealt = [areas(ranks, random.permutation(hot)) for _ in range(PERMUTATIONS)]
    real = areas(ranks, hot)
    return (
        float(np.mean([strength(one, planted) >= strength(real, planted) for one in dealt])),
        float(np.mean([hits(one, planted) >= hits(real, planted) for one in dealt])),
    )


def hot_of(labels: pd.DataFrame, table: pd.DataFrame) -> Flags:
    """Return who is hot, in the order of the table."""
    return np.asarray(labels.set_index("patient")["phenotype"].loc[table.index] == "hot")


def test_planted_features_are_found_and_only_with_the_true_labels(
    cohort: Cohort, table: pd.DataFrame, planted: Floats, shuffled: pd.DataFrame
) -> None:
    """Chance gives planted features as much once in 100 times, and the first 20 as many of them once in 20 times."""
    ranks = rankdata(table.to_numpy(np.float64), axis=0)
    share = float((planted != 0).mean())
    assert 0.03 < share < 0.5
    true, dealt = hot_of(cohort.labels(), table), hot_of(shuffled, table)
    assert hits(areas(ranks, true), planted) > 2 * TOP * share
    of_strength, of_hits = chances(ranks, true, planted)
    assert of_strength <= 0.01
    assert of_hits <= 0.05
    assert min(chances(ranks, dealt, planted)) > 0.05


def test_the_forest_takes_planted_features(found: dict[str, Any], table: pd.DataFrame, planted: Floats) -> None:
    """Of the features of the signature, a larger share is planted than of all features; no shape is among the first."""
    names = dict(zip(table.columns, planted, strict=True))
    of_signature = set(found["train"]["features"]["taken"])
    taken = [name for name in found["train"]["top_features"] if name in of_signature]
    assert np.mean([names[name] != 0 for name in taken]) > 1.5 * float((planted != 0).mean())
    assert not [name for name in taken[:3] if "_shape_" in name]


def test_auc_lies_where_the_simulation_predicts(cohort: Cohort, found: dict[str, Any]) -> None:
    """Of nested cross-validation, in the interval of ``planted.json``, which does not contain 0.5."""
    low, high = json.loads((cohort.folder / "planted.json").read_text())["signature_auc_interval"]
    assert 0.5 < low < high
    assert low <= found["train"]["families"]["random forest"]["performance"]["auc"]["value"] <= high
    assert low <= found["validate"]["cohorts"]["training"]["auc"]["value"] <= high


def test_shuffled_labels_give_an_interval_that_contains_one_half(cohort: Cohort, shuffled: pd.DataFrame) -> None:
    """The same images and commands with shuffled labels: nothing is found."""
    said = cohort.study("shuffled", shuffled)
    for auc in (
        said["train"]["families"]["random forest"]["performance"]["auc"],
        said["validate"]["cohorts"]["training"]["auc"],
    ):
        assert auc["low"] <= 0.5 <= auc["high"]


def test_the_service_gives_the_score_of_the_table(cohort: Cohort, found: dict[str, Any], tmp_path: Path) -> None:
    """A study that comes by C-STORE is scored by the trained bundle as ``signature score`` does its row, to 1e-12."""
    assert found["train"]["cases"] == PATIENTS
    study = cohort.folder / "dicom" / cohort.labels()["patient"].iloc[0]
    study_uid = dcmread(next((study / "images").glob("*.dcm")), stop_before_pixels=True).StudyInstanceUID
    with Installation(tmp_path / "installation") as service:
        service.radtme("signature", "publish", str(cohort.folder / "planted.yaml"))
        service.radtme("signature", "activate", "planted-1.0.0")
        told = service.radtme("signature", "score", str(cohort.features))
        service.start()
        send(service.dicom_port, study)
        (job,) = service.wait_for_jobs(1, 240)
        score = service.result(job)["score"]
    (row,) = [row for row in csv.DictReader(io.StringIO(told)) if row["study_uid"] == study_uid]
    assert abs(float(row["score"]) - score["hot_probability"]) <= 1e-12
    assert float(row["threshold"]) == score["threshold"]
    assert row["tendency"] == score.get("tendency", score["phenotype"])
