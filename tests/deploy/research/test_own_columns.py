"""A study with columns of its own, beside the features of images and alone, by the commands."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from deploy.cli import radtme
from model_store.cohort.own_table import read_own
from model_store.cohort.patient_table import PatientTable
from model_store.errors import TrainingError
from model_store.signatures.bundle import load_bundle
from model_store.signatures.own_columns import OwnColumn
from model_store.signatures.profile import DEFAULT_PROFILE
from workers.features.extraction import columns

NAMES = list(columns(DEFAULT_PROFILE))
SETTINGS = "columns: [3], max_depths: [3], trees: 8, repeats: 1, jobs: 1, alternatives: no"
OWN = "own: train_own.csv, own_columns: [age, {column: ER status, order: [negative, positive]}, noise]"
ALONE = f"""output: alone
train: {{id: clinic, labels: train.csv, without_images: yes, {OWN}, {SETTINGS}}}
validate:
  cohorts:
    - {{name: other, own: other_own.csv, labels: other.csv}}
"""
BESIDE = f"""output: beside
train: {{id: both, features: train.parquet, labels: train.csv, preselected: list.csv, preselected_origin: a hypothesis,
  {OWN}, {SETTINGS}}}
validate:
  cohorts:
    - {{name: other, features: other.parquet, own: other_own.csv, labels: other.csv}}
"""


def write_cohort(folder: Path, name: str, seed: int, cases: int = 50) -> None:
    """Write labels, own columns (age and ER tell the classes apart, noise does not) and features that tell nothing."""
    rng = np.random.default_rng(seed)
    hot = np.arange(cases) % 2 == 0
    patients = [f"{name}-{number}" for number in range(cases)]
    pd.DataFrame({"patient": patients, "phenotype": np.where(hot, "hot", "cold")}).to_csv(
        folder / f"{name}.csv", index=False
    )
    status = np.where(rng.random(cases) < np.where(hot, 0.8, 0.2), "Positive", "negative")
    own = {"age": np.round(rng.normal(50, 8, cases) + 8 * hot), "ER status": status, "noise": rng.normal(size=cases)}
    pd.DataFrame({"patient": patients, **own}).to_csv(folder / f"{name}_own.csv", index=False)
    known = {"case": patients, "patient": patients, "reason": "", "profile": DEFAULT_PROFILE.name}
    values = pd.DataFrame(rng.normal(size=(cases, len(NAMES))), columns=NAMES)
    pd.concat([pd.DataFrame(known), values], axis=1).to_parquet(folder / f"{name}.parquet")


def run(*words: object, code: int = 0) -> str:
    """Run the command and return what it printed."""
    done = CliRunner().invoke(radtme, list(map(str, words)))
    assert done.exit_code == code, done.output
    return done.output


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, without_drawing: None) -> Path:
    """Return a folder in which both studies were trained, and one was validated."""
    folder = tmp_path_factory.mktemp("own")
    write_cohort(folder, "train", 1)
    write_cohort(folder, "other", 2)
    (folder / "radtme.yaml").write_text("data: data\n")
    pd.DataFrame({"feature": NAMES[::160]}).to_csv(folder / "list.csv", index=False)
    for name, text in (("alone", ALONE), ("beside", BESIDE)):
        (folder / f"{name}.yaml").write_text(text)
        run("signature", "train", folder / f"{name}.yaml")
    run("signature", "validate", folder / "alone.yaml", "--config", folder / "radtme.yaml")
    return folder


def summary(folder: Path, study: str, step: str) -> dict[str, Any]:
    """Return what a step found."""
    found: dict[str, Any] = json.loads((folder / study / step / "summary.json").read_text())
    return found


def test_own_columns_alone_are_trained_validated_and_in_the_contract(folder: Path) -> None:
    """No feature table is asked for; the bundle says which words count what, and that no image states them."""
    found = summary(folder, "alone", "validate")["cohorts"]["other"]
    assert found["cases"] == 50
    assert found["auc"]["low"] > 0.6
    bundle = next((folder / "alone" / "train" / "bundle").glob("clinic-*"))
    signature = load_bundle(bundle)
    assert json.loads((bundle / "signature.json").read_text())["format"] == 5
    assert set(signature.columns) == {"own_age", "own_ER status", "own_noise"}
    assert {one.column: one.order for one in signature.own_columns}["ER status"] == ("negative", "positive")
    card = (bundle / "MODEL_CARD.md").read_text()
    assert "negative = 0, positive = 1" in card
    assert "No image states them" in card
    controls = {one["name"]: one["note"] for one in summary(folder, "alone", "train")["negative_controls"]}
    assert controls["shuffled voxels"] == "no feature is of images"


def test_own_columns_are_offered_beside_the_features(folder: Path) -> None:
    """A list of features leaves none of them out; the forest takes the two that tell the classes apart."""
    bundle = next((folder / "beside" / "train" / "bundle").glob("both-*"))
    signature = load_bundle(bundle)
    assert {"own_age", "own_ER status"} <= set(signature.columns)


def test_the_service_is_refused_and_tables_are_scored(folder: Path) -> None:
    """Activating says why it cannot be; the command ``score`` takes the table, and gives the validation's scores."""
    config = ("--config", folder / "radtme.yaml")
    bundle = next((folder / "beside" / "train" / "bundle").glob("both-*"))
    run("signature", "publish", bundle, *config)
    said = run("signature", "activate", bundle.name, *config, code=1)
    assert "which no image states" in " ".join(said.split())
    table, own = folder / "other.parquet", folder / "other_own.csv"
    assert "--own" in run("signature", "score", table, "--signature", bundle.name, *config, code=1)
    told = run("signature", "score", table, "--own", own, "--signature", bundle.name, *config)
    assert {row["not_scored"] for row in csv.DictReader(io.StringIO(told))} == {""}
    alone = next((folder / "alone" / "train" / "bundle").glob("clinic-*"))
    told = run("signature", "score", own, "--own", own, "--signature", alone, *config)
    scores = {row["patient"]: float(row["score"]) for row in csv.DictReader(io.StringIO(told))}
    validated = pd.read_parquet(folder / "alone" / "validate" / "tables" / "scores.parquet")
    validated = validated[validated["cohort"] == "other"].set_index("patient")["score"]
    assert scores == pytest.approx(validated.to_dict(), abs=1e-12)


def test_a_validation_without_the_columns_names_them(folder: Path) -> None:
    """Before anything is scored."""
    text = BESIDE.replace("own: other_own.csv, labels: other.csv", "labels: other.csv")
    (folder / "without.yaml").write_text(text)
    said = run("signature", "validate", folder / "without.yaml", "--config", folder / "radtme.yaml", code=1)
    assert "name the table that has them in own" in " ".join(said.split())


def test_all_mistakes_of_a_table_are_named_at_once(tmp_path: Path) -> None:
    """By column and row; an empty cell is none, and a decimal comma is a number."""
    path = tmp_path / "own.csv"
    path.write_text("patient;age;grade\n1;50,5;low\n2;old;High\n3;;medium\n")
    table, order = PatientTable(path, separator=";"), ("low", "high")
    with pytest.raises(TrainingError, match=r"column age, row 2: 'old'; column grade, row 3: 'medium'"):
        read_own(table, [OwnColumn("age"), OwnColumn("grade", order)])
    path.write_text("patient;age;grade\n1;50,5;low\n2;;High\n")
    found = read_own(table, [OwnColumn("age"), OwnColumn("grade", order)])
    assert found.loc["1"].to_dict() == {"own_age": 50.5, "own_grade": 0.0}
    assert np.isnan(found.loc["2", "own_age"])
    path.write_text("patient;age\n1;50\n1;51\n")
    with pytest.raises(TrainingError, match="1 rows repeat a patient"):
        read_own(table, [OwnColumn("age")])
