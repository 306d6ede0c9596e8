"""A study of several scanners with ``harmonise: yes``, by the commands, on tables of random numbers."""

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
from model_store.cohort.table_scores import UNKNOWN_SCANNER
from model_store.signatures.bundle import load_bundle
from model_store.signatures.profile import DEFAULT_PROFILE
from workers.features.extraction import columns

pytestmark = pytest.mark.usefixtures("without_drawing")

SCANNERS = ("Maker A One", "Maker B Two", "Maker C Three")
NAMES = list(columns(DEFAULT_PROFILE))
STUDY = """output: out
train: {id: ours, features: train.parquet, labels: train.csv, harmonise: yes, columns: [8], max_depths: [3], trees: 20,
  repeats: 1, jobs: 1, alternatives: no}
validate:
  cohorts:
    - {name: known, features: known.parquet, labels: known.csv}
    - {name: mixed, features: mixed.parquet, labels: mixed.csv}
"""


def write_cohort(folder: Path, name: str, seed: int, scanners: tuple[str, ...], cases: int = 60) -> None:
    """Write features and labels: 20 columns tell the classes apart, and each scanner moves and scales every column."""
    rng = np.random.default_rng(seed)
    hot, of = np.arange(cases) % 2 == 0, np.arange(cases) // 2 % len(scanners)
    values = rng.normal(size=(cases, len(NAMES)))
    values[:, :20] += 1.2 * hot[:, None]
    for at, scanner in enumerate(scanners):
        own = np.random.default_rng(list(scanner.encode()))
        mine = of == at
        values[mine] = values[mine] * own.uniform(0.5, 2, len(NAMES)) + own.normal(0, 3, len(NAMES))
    patients = [f"{name}-{number}" for number in range(cases)]
    known = {"case": patients, "patient": patients, "reason": "", "profile": DEFAULT_PROFILE.name}
    table = pd.DataFrame(known).assign(scanner=[scanners[at] for at in of])
    pd.concat([table, pd.DataFrame(values, columns=NAMES)], axis=1).to_parquet(folder / f"{name}.parquet")
    labels = pd.DataFrame({"patient": patients, "phenotype": np.where(hot, "hot", "cold")})
    labels.to_csv(folder / f"{name}.csv", index=False)


def run(*words: object) -> str:
    """Run the command and return what it printed."""
    done = CliRunner().invoke(radtme, list(map(str, words)))
    assert done.exit_code == 0, done.output
    return done.output


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the file of a study that was trained and validated."""
    folder = tmp_path_factory.mktemp("harmonised")
    write_cohort(folder, "train", 1, SCANNERS)
    write_cohort(folder, "known", 2, SCANNERS[:2])
    write_cohort(folder, "mixed", 3, (SCANNERS[0], "Maker D Four"))
    (folder / "study.yaml").write_text(STUDY)
    (folder / "radtme.yaml").write_text("data: data\n")
    run("signature", "train", folder / "study.yaml")
    run("signature", "validate", folder / "study.yaml", "--config", folder / "radtme.yaml")
    return folder / "study.yaml"


def summary(study: Path, step: str) -> dict[str, Any]:
    """Return what a step found."""
    found: dict[str, Any] = json.loads((study.parent / "out" / step / "summary.json").read_text())
    return found


def test_the_bundle_holds_its_scanners_and_the_report_says_so(study: Path) -> None:
    """With a note on what harmonising costs, and figures of all cohorts."""
    bundle = next((study.parent / "out" / "train" / "bundle").glob("ours-*"))
    harmonisation = load_bundle(bundle).harmonisation
    assert harmonisation is not None
    assert sorted(harmonisation.scanners) == [name.lower() for name in SCANNERS]
    assert [one for one in summary(study, "train")["notes"] if "harmonised between 3 scanners" in one]
    assert "ComBat by scanner" in (bundle / "MODEL_CARD.md").read_text()


def test_cases_of_unknown_scanners_are_left_out_or_scored_as_measured(study: Path, tmp_path: Path) -> None:
    """In the validation; the command ``score`` does as the service does by default."""
    found = summary(study, "validate")["cohorts"]
    assert found["known"]["cases"] == 60
    assert found["known"]["auc"]["low"] > 0.5
    assert (found["mixed"]["cases"], found["mixed"]["left_out"][UNKNOWN_SCANNER]) == (30, 30)
    text = STUDY.replace("validate:\n", "validate:\n  unknown_scanners: as_measured\n")
    study.write_text(text)
    run("signature", "validate", study, "--config", study.parent / "radtme.yaml")
    mixed = summary(study, "validate")["cohorts"]["mixed"]
    assert mixed["cases"] == 60
    assert [note for note in mixed["notes"] if note.startswith("30 of 60 cases")]
    bundle = next((study.parent / "out" / "train" / "bundle").glob("ours-*"))
    config = ("--config", study.parent / "radtme.yaml")
    run("signature", "publish", bundle, *config)
    told = run("signature", "score", study.parent / "mixed.parquet", "--signature", bundle.name, *config)
    rows = list(csv.DictReader(io.StringIO(told)))
    assert [row["not_scored"] for row in rows].count(UNKNOWN_SCANNER) == 30
    table = pd.read_parquet(study.parent / "out" / "validate" / "tables" / "scores.parquet")
    scores = table[table["cohort"] == "mixed"].set_index("case")["score"]
    for row in rows:
        if not row["not_scored"]:
            assert float(row["score"]) == pytest.approx(scores[row["case"]], abs=1e-12)
