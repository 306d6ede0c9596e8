"""A simulated study of five cohorts by two commands: every table and figure of the paper, with what was planted."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from deploy.cli import radtme
from model_store.reporting.paper_items import NOT_MADE, paper_rows
from model_store.reporting.study_report import NOT_RUN

pytestmark = [pytest.mark.long, pytest.mark.timeout(7200)]

PATIENTS = 54
QUICK = {"columns": [8], "max_depths": [3], "trees": 60, "repeats": 1, "alternatives": False}


def run(*words: object) -> str:
    """Run the command and return what it printed."""
    done = CliRunner().invoke(radtme, list(map(str, words)))
    assert done.exit_code == 0, done.output
    return done.output


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a study of five cohorts that was simulated and reproduced."""
    folder = tmp_path_factory.mktemp("five")
    run("cohort", "simulate", "--output", folder, "--seed", 21, "--patients", PATIENTS, "--five-cohorts")
    study = yaml.safe_load((folder / "study.yaml").read_text())
    study["train"] |= QUICK
    (folder / "study.yaml").write_text(yaml.safe_dump(study))
    (folder / "radtme.yaml").write_text("data: data\n")
    told = run("signature", "reproduce-study", folder / "study.yaml", "--config", folder / "radtme.yaml")
    assert NOT_MADE not in told
    return folder


def summary(simulated: Path, step: str) -> dict[str, Any]:
    """Return what a step found."""
    found: dict[str, Any] = json.loads((simulated / "study" / step / "summary.json").read_text())
    return found


def test_every_item_of_the_paper_is_made(simulated: Path) -> None:
    """Each table and figure has its files, and the report holds every step."""
    assert not [number for number, _, files in paper_rows(simulated / "study") if files == NOT_MADE]
    assert NOT_RUN not in (simulated / "study" / "report.html").read_text()


def test_what_was_planted_is_found_in_every_cohort(simulated: Path) -> None:
    """The AUC of the training lies where the simulation predicts; each cohort is told by what it is for."""
    low, high = json.loads((simulated / "planted.json").read_text())["signature_auc_interval"]
    found = summary(simulated, "validate")
    assert low <= found["cohorts"]["training"]["auc"]["value"] <= high
    assert set(found["cohorts"]) == {"training", "validation"}
    assert found["cohorts"]["validation"]["auc"]["high"] > 0.5
    assert set(found["treated"]) == {"treated", "prognosis"}
    assert set(found["response"]["treated"]) == {
        "objective response", "disease control", "no event at the landmark", "cps",
    }  # fmt: skip
    assert set(found["response"]["prognosis"]) == {"no event at the landmark"}
    assert {"treated", "prognosis"} <= set(found["median_split"])
    compared = [one["compared_with_training"] for one in (*found["treated"].values(), found["cohorts"]["validation"])]
    assert all(all(one.values()) for one in compared)


def test_the_rna_cohort_has_the_phenotypes_of_the_training_cohort(simulated: Path) -> None:
    """By its centroids, with survival; its own expression decides nothing else."""
    found = summary(simulated, "rna/phenotype")
    assert found["patients"] == PATIENTS // 2
    assert found["votes"] == {}
    assert 0 < found["hot"] < found["patients"]
    assert (simulated / "study" / "rna" / "phenotype" / "figures" / "kaplan_meier.png").is_file()
