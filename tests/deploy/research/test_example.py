"""The examples of docs/cohort.md are valid, and a study becomes one report."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from matplotlib.figure import Figure

from deploy.cli import radtme
from deploy.configuration.study import STEPS, load_study
from deploy.simulation.cohort import study_text
from model_store.reporting.paper_items import NOT_MADE, PAPER_ITEMS, paper_rows
from model_store.reporting.step_output import write_figure
from model_store.reporting.study_report import CHAPTERS, NOT_RUN, study_report

PAGE = Path(__file__).parents[3] / "docs" / "cohort.md"


def test_the_example_is_a_study_of_every_step(tmp_path: Path) -> None:
    """The example on the page is valid without a change."""
    (example,) = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL)
    (tmp_path / "study.yaml").write_text(example)
    study = load_study(tmp_path / "study.yaml")
    assert tuple(study.plans) == STEPS
    assert study.output == tmp_path / "study"


def test_a_simulated_cohort_comes_with_a_study_of_every_step(tmp_path: Path) -> None:
    """The configuration that is written beside it is one."""
    (tmp_path / "study.yaml").write_text(study_text(3))
    study = load_study(tmp_path / "study.yaml")
    assert tuple(study.plans) == STEPS
    assert study.plans["train"].seed == 3


def test_every_command_of_the_page_exists() -> None:
    """Each command that the page shows is a command of the program."""
    commands = set(re.findall(r"radtme (cohort|signature) ([a-z-]+)", PAGE.read_text()))
    assert len(commands) >= 7
    for group, command in commands:
        result = CliRunner().invoke(radtme, [group, command, "--help"])
        assert result.exit_code == 0, result.output


def test_a_report_says_which_steps_are_missing_and_holds_its_figures(tmp_path: Path) -> None:
    """A study that stopped half-way is shown up to there, in one file without external parts."""
    figures = tmp_path / "reliability" / "figures"
    figures.mkdir(parents=True)
    (figures / "icc_by_class.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    summary = {
        "threshold": 0.75,
        "features": 958,
        "kept": 700,
        "substitute": True,
        "kinds": {"perturbed": {"lesions": 30, "median": 0.9, "quartiles": [0.8, 0.95], "at_least_threshold": 700}},
    }
    (tmp_path / "reliability" / "summary.json").write_text(json.dumps(summary))
    page = study_report(tmp_path, "Study").decode()
    assert page.count(NOT_RUN) == len(CHAPTERS)  # all but reliability, and publish
    assert "700 of 958 features are kept" in page
    assert "No second reader outlined these lesions" in page
    assert page.count("<img") == page.count("data:image/png;base64,iVBORw0KGgo=") == 1
    links = re.findall(r'href="([^"]*)"', page)
    assert "reliability/summary.json" in links
    assert not [one for one in links if not one.startswith("#") and not (tmp_path / one).is_file()]
    titles = dict(re.findall(r'<h2 id="(s\d+)">(.*)</h2>', page))
    assert {one[1:] for one in links if one.startswith("#")} == set(titles)
    assert not re.findall(r'src="(?!data:)', page)


def test_the_page_on_the_paper_treats_every_item(tmp_path: Path) -> None:
    """Each table and figure of the paper is a row of docs/reproduction.md; a study without steps makes none of them."""
    page = (PAGE.parent / "reproduction.md").read_text().partition("## ")[0]
    plain = re.sub(r"\[([^]]+)\]\([^)]*\)", r"\1", page).replace("`", "")
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in plain.splitlines() if line.startswith("| ")]
    said = [(re.sub("Figures?", "Figure", number), same, differs) for number, _, same, differs in rows[1:]]
    assert [(one.number, one.what, one.differs) for one in PAPER_ITEMS] == said
    assert {files for _, _, files in paper_rows(tmp_path)} == {NOT_MADE}
    (tmp_path / "validate" / "figures").mkdir(parents=True)
    (tmp_path / "validate" / "figures" / "roc.png").touch()
    assert ("Figure 6", "ROC curves of all cohorts", "validate/figures/roc.png") in paper_rows(tmp_path)


def test_the_report_says_where_it_has_each_item_of_the_paper(tmp_path: Path) -> None:
    """By the numbers of its own figures; a cohort without phenotypes stands at the top with its first endpoint."""
    estimate = {"value": 0.7, "low": 0.6, "high": 0.8}
    known = {"cases": 30, "positives": 9, "auc": estimate, "sensitivity": None, "specificity": None, "test": "t"}
    response = {
        "disease control": {**known, "p": 0.2, "positive": "CR, PR or SD"},
        "objective response": {**known, "p": 0.1, "positive": "CR or PR"},
    }
    treated = {"treated": {"first_endpoint": "objective response"}}
    summary = {"cohorts": {}, "treated": treated, "response": {"treated": response}}
    (tmp_path / "validate").mkdir()
    (tmp_path / "validate" / "summary.json").write_text(json.dumps(summary))
    for step, name in (
        *(("phenotype", one) for one in ("kaplan_meier_cold", "kaplan_meier", "kaplan_meier_hot")),
        *(("validate", one) for one in ("response_treated_objective_response", "roc")),
        ("rna/phenotype", "kaplan_meier"),
    ):
        write_figure(tmp_path / step, name, Figure(figsize=(2, 2)))
    phenotype = {"patients": 27, "hot": 16, "cold": 11, "mean_silhouette": 0.16}
    (tmp_path / "rna" / "phenotype" / "summary.json").write_text(json.dumps(phenotype))
    page = study_report(tmp_path, "Study").decode()
    assert "Cohort treated: 30 cases, 9 of them CR or PR (objective response); AUC 0.700 (0.600 to 0.800)." in page
    assert "Cohort rna, by the centroids of the phenotypes above: 27 patients, 16 hot, 11 cold" in page
    assert re.findall(r"<figcaption>Figure \d+\. (.*)</figcaption>", page) == [
        "Survival by phenotype",
        "Survival within the hot tumours, by the median immune level (figure 4B of the paper)",
        "Survival within the cold tumours, by the median immune level (figure 4B of the paper)",
        "Survival by phenotype",
        "ROC of all cohorts (figure 6 of the paper)",
        "Score by response to treatment, landmark or marker: treated, objective response",
    ]
    row = r"<td>(Figure 4B|Figure 6|Figure 7|Treated cohort)</td>\s*<td>.*</td>\s*<td>(.*)</td>"
    assert dict(re.findall(row, page)) == {
        "Figure 4B": "figures 1, 2, 3",
        "Figure 6": "figure 5",
        "Figure 7": NOT_MADE,
        "Treated cohort": "figure 6",
    }


def test_figures_are_as_large_as_they_were_drawn_and_training_comes_first(tmp_path: Path) -> None:
    """Letters of all figures have one size; cohorts stand in one order, and a name with an underscore stays whole."""
    estimate = {"value": 0.7, "low": 0.6, "high": 0.8}
    summary = {"cohorts": {name: {"cases": 40, "hot": 15, "auc": estimate} for name in ("other_hospital", "training")}}
    (tmp_path / "validate").mkdir()
    (tmp_path / "validate" / "summary.json").write_text(json.dumps(summary))
    for name in ("score_other_hospital_stage", "score_training_tumour_grade"):
        write_figure(tmp_path / "validate", name, Figure(figsize=(4, 3)))
    page = study_report(tmp_path, "Study").decode()
    assert page.index("Cohort training") < page.index("Cohort other_hospital")
    assert re.findall("<th>(training|other_hospital)</th>", page) == ["training", "other_hospital"]
    assert re.findall("<figcaption>(.*)</figcaption>", page) == [
        "Figure 1. Score by group: training, tumour grade",
        "Figure 2. Score by group: other_hospital, stage",
    ]
    assert [int(width) for width in re.findall(r'<img width="(\d+)"', page)] == [462] * 2  # 4 inches and the border


@pytest.mark.skipif("RADTME_WHOLE_STUDY" not in os.environ, reason="takes minutes; RADTME_WHOLE_STUDY=1 runs it")
def test_a_simulated_cohort_becomes_a_report_and_a_signature(tmp_path: Path) -> None:
    """The two commands of the page, on DICOM, with the AUC in the interval that the simulation predicts."""
    run = [sys.executable, "-m", "deploy"]
    cohort = tmp_path / "simulated"
    subprocess.run(
        [*run, "cohort", "simulate", "--output", str(cohort), "--patients", "60", "--sites", "3"], check=True
    )
    subprocess.run([*run, "signature", "reproduce-study", str(cohort / "study.yaml")], check=True, cwd=tmp_path)
    page = (cohort / "study" / "report.html").read_text()
    assert NOT_RUN not in page
    validated = json.loads((cohort / "study" / "validate" / "summary.json").read_text())
    low, high = json.loads((cohort / "planted.json").read_text())["signature_auc_interval"]
    assert low <= validated["cohorts"]["training"]["auc"]["value"] <= high
