"""From a cohort's tables to a signature that scores in the service: train, validate, publish, shadow, compare."""

import csv
import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result
from pydicom import dcmread
from sklearn.metrics import roc_auc_score

from deploy.cli import radtme
from deploy.simulation.phantom import Phantom, write_phantom
from listener.spool.job_record import JobRecord
from listener.spool.jobs import Job, JobState, job_id_for
from listener.spool.record_file import as_json, record_of
from listener.spool.spool import Spool
from model_store.cohort.table_scores import score_table
from model_store.reporting.study_report import study_report
from model_store.signatures.bundle import load_bundle
from model_store.signatures.profile import DEFAULT_PROFILE
from model_store.signatures.registry import Registry, shipped_bundle
from model_store.signatures.shadow import Shadow
from model_store.validation.cohort_validation import ScoredCohort, cohort_numbers
from support.broken_studies import SMALL
from support.records import job_record
from workers.features.extraction import columns
from workers.features.measurement import measure
from workers.jobs import score_job as scoring
from workers.settings import WorkerSettings
from workers.stages import untimed

COHORTS = {"train": ("P", 60, 1), "external": ("E", 44, 2), "treated": ("T", 40, 3)}


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


def write_cohort(folder: Path, name: str, row: pd.DataFrame, prefix: str, cases: int, seed: int) -> None:
    """Write the tables of a cohort around a measured study: 20 columns of each region tell the classes apart."""
    rng = np.random.default_rng(seed)
    hot = np.arange(cases) % 2 == 0
    base = row[list(columns(DEFAULT_PROFILE))].fillna(1.0).to_numpy(np.float64)
    values = base + (np.abs(base) + 1) * 0.2 * rng.normal(size=(cases, base.shape[1]))
    planted = [*range(20), *range(479, 499)]
    values[:, planted] += (np.abs(base[:, planted]) + 1) * 0.2 * hot[:, None]
    patients = [f"{prefix}{index}" for index in range(cases)]
    cases_table = pd.DataFrame({"case": [f"case {p}" for p in patients], "patient": patients, "reason": ""})
    cases_table["site"] = np.where(np.arange(cases) % 3 == 0, "north", "south")
    features = pd.concat([cases_table, pd.DataFrame(values, columns=columns(DEFAULT_PROFILE))], axis=1)
    features.to_parquet(folder / f"{name}.parquet")
    labels = pd.DataFrame({"patient": patients, "phenotype": np.where(hot, "hot", "cold")})
    labels.to_csv(folder / f"{name}_labels.csv", index=False)
    time = rng.exponential(np.where(hot, 40, 20))
    clinical = {"patient": patients, "subtype": rng.choice(["A", "B"], cases), "time": np.minimum(time, 40).round(3)}
    clinical |= {"event": (time < 40).astype(int), "response": rng.choice(["CR", "PR", "SD", "PD", "NE"], cases)}
    clinical["cps"] = np.where(rng.random(cases) < 0.3, "<1", (10 * hot + rng.integers(1, 12, cases)).astype(str))
    pd.DataFrame(clinical).to_csv(folder / f"{name}_clinical.csv", index=False)
    populations = {"patient": patients, "T cells": hot + rng.normal(size=cases), "other": rng.normal(size=cases)}
    pd.DataFrame(populations).to_csv(folder / f"{name}_populations.csv", index=False)


def run(home: Path, command: str, *arguments: object) -> Result:
    """Run ``radtme signature`` as a person does, with the study's own configuration."""
    needs_config = command in ("validate", "publish", "activate", "shadow", "score", "compare", "list")
    config = ["--config", str(home / "radtme.yaml")] if needs_config else []
    return CliRunner().invoke(radtme, ["signature", command, *map(str, arguments), *config])


def summary(study: Path, step: str) -> dict[str, Any]:
    """Return what a step says in numbers."""
    return dict(json.loads((study.parent / "out" / step / "summary.json").read_text()))


def published(study: Path) -> Path:
    """Return the published bundle's folder."""
    (folder,) = (study.parent / "out" / "publish" / "bundle").iterdir()
    return folder


def test_training_says_what_it_is_worth(study: Path) -> None:
    """Three kinds of model on the same folds, with intervals, the simplest within one standard error, imbalance."""
    found = summary(study, "train")
    assert set(found["families"]) == {"random forest", "elastic net", "gradient boosting"}
    auc = found["families"]["random forest"]["performance"]["auc"]
    assert auc["low"] < auc["value"] <= auc["high"]
    assert auc["value"] > 0.7
    assert "30 of 60 cases are hot (50%)" in found["imbalance"]
    assert found["seed"] == 1
    tables = study.parent / "out" / "train" / "tables"
    candidates = pd.read_parquet(tables / "candidates.parquet")
    assert candidates["simplest_within_one_se"].sum() == candidates["published"].sum() == 1
    best = candidates.loc[candidates["auc"].idxmax()]
    within = candidates[candidates["auc"] >= best["auc"] - best["standard_error"]]
    assert candidates["simplest_within_one_se"].idxmax() == within.index[0]
    importance = pd.read_csv(tables / "importance.csv")
    assert importance["impurity"].is_monotonic_decreasing
    assert len(pd.read_csv(tables / "cases.csv")) == 60


def test_validation_holds_every_part(study: Path) -> None:
    """Performance, calibration, subgroups with warnings, response, median split and populations, each with n."""
    found = summary(study, "validate")
    external = found["cohorts"]["external"]
    assert external["cases"] == sum(external["confusion"].values()) == 44
    for name in ("auc", "accuracy", "sensitivity", "specificity", "ppv", "npv"):
        assert external[name]["low"] <= external[name]["value"] <= external[name]["high"]
    training, trained = found["cohorts"]["training"], summary(study, "train")["families"]["random forest"]
    for name in ("auc", "accuracy", "sensitivity", "specificity"):
        assert {end: training[name][end] for end in ("value", "low", "high")} == pytest.approx(
            trained["performance"][name]
        )
    share = training["confusion"]["true_positive"] / training["hot"]
    assert share == pytest.approx(training["sensitivity"]["value"], abs=0.5 / training["hot"])
    assert found["patients_checked_against_training"] is True
    assert found["response"]["external"]["objective response"]["cases"] + external_unknown(study) == 44
    assert found["median_split"]["external"]["patients"] == 44
    assert found["populations"]["patients"] == 60
    subgroups = pd.read_parquet(study.parent / "out" / "validate" / "tables" / "subgroups.parquet")
    small = subgroups["cases"] < 20
    assert small.any()
    assert (subgroups["warning"] != "")[small].all()
    scores = pd.read_parquet(study.parent / "out" / "validate" / "tables" / "scores.parquet")
    rows = subgroups[(subgroups["cohort"] == "external") & (subgroups["subgroup"] == "subtype")].set_index("value")
    for value, part in scores[scores["cohort"] == "external"].groupby("subtype"):
        called, hot = part["verdict"] == "hot", part["phenotype"] == "hot"
        measures = (called == hot).mean(), hot[called].mean(), (~hot[~called]).mean()
        assert rows.loc[str(value), ["accuracy", "ppv", "npv"]].tolist() == pytest.approx(measures)
    figures = {path.name for path in (study.parent / "out" / "validate" / "figures").iterdir()}
    wanted = ("roc", "calibration", "decision_curve", "confusion", "subgroups", "survival_external")
    assert {f"{name}.{kind}" for name in wanted for kind in ("png", "svg")} <= figures


def test_the_report_shows_what_is_asked_for_of_a_radiomics_study(study: Path) -> None:
    """Added value over clinical data, optimism by bootstrap, the paper's split, a permutation p, twenty features."""
    page = study_report(study.parent / "out", "Study").decode()
    for words in (
        "What the signature adds to subtype",
        "Net benefit of clinical data with and without the signature",
        "Nomogram of clinical data and signature",
        "By bootstrap (50 bootstrap samples",
        "one split of 80 and 20 % as in the paper",
        "permutation p",
        "The 20 features of most weight",
    ):
        assert words in page, words
    added = {one["cohort"]: one for one in summary(study, "validate")["added_value"]["cohorts"]}
    assert list(added) == ["external", "training"]
    for one in added.values():
        assert one["low"] <= one["difference"] <= one["high"]
        assert one["difference"] == pytest.approx(one["auc_with_signature"] - one["auc_clinical"])
    populations = pd.read_csv(study.parent / "out" / "validate" / "tables" / "features_and_populations.csv")
    assert populations["left"].nunique() == 20


def test_a_treated_cohort_needs_no_labels(study: Path) -> None:
    """Response, disease control, landmark and PD-L1 are held against its scores; it validates no phenotype."""
    found = summary(study, "validate")
    assert found["treated"]["treated"]["cases"] == 40
    assert "treated" not in found["cohorts"]
    endpoints = found["response"]["treated"]
    assert set(endpoints) == {"objective response", "disease control", "no event at the landmark", "cps"}
    clinical = pd.read_csv(study.parent / "treated_clinical.csv")
    responded, known = clinical["response"].isin(["CR", "PR"]), clinical["response"] != "NE"
    assert endpoints["objective response"]["positives"] == responded.sum()
    assert endpoints["objective response"]["left_out"] == (~known).sum()
    assert endpoints["disease control"]["negatives"] == (clinical["response"] == "PD").sum()
    scores = pd.read_parquet(study.parent / "out" / "validate" / "tables" / "scores.parquet")
    mine = scores[scores["cohort"] == "treated"].set_index("patient").loc[clinical["patient"], "score"].to_numpy()
    area = roc_auc_score(responded[known], mine[known])
    assert endpoints["objective response"]["auc"]["value"] == pytest.approx(area, abs=1e-12)
    figures = {path.stem for path in (study.parent / "out" / "validate" / "figures").glob("*.png")}
    assert {"response_treated_objective_response", "response_treated_cps", "survival_treated"} <= figures
    assert "treated" not in json.loads((published(study) / "signature.json").read_text())["metrics"]


def external_unknown(study: Path) -> int:
    """Return how many external patients have no evaluable response."""
    clinical = pd.read_csv(study.parent / "external_clinical.csv")
    return int((clinical["response"] == "NE").sum())


def test_confusion_in_the_card_is_that_of_the_scores(study: Path) -> None:
    """Counted from the table of scores: true and false hot, true and false cold, in the order of the card's head."""
    scores = pd.read_parquet(study.parent / "out" / "validate" / "tables" / "scores.parquet")
    part = scores[scores["cohort"] == "external"]
    said, true = part["score"] >= load_bundle(published(study)).threshold, part["phenotype"] == "hot"
    counts = [(said & true).sum(), (said & ~true).sum(), (~said & ~true).sum(), (~said & true).sum()]
    card = (published(study) / "MODEL_CARD.md").read_text()
    line = next(line for line in card.splitlines() if line.startswith("| external") and line.count("|") == 7)
    assert line.split("|")[-2].split() == [str(count) for count in counts]
    assert "TP FP TN FN" in card


def test_card_answers_tripod_in_both_forms(study: Path) -> None:
    """Markdown and HTML carry notice, intended use, limits, the checklist; the HTML holds its figures, text escaped."""
    card = (published(study) / "MODEL_CARD.md").read_text()
    page = (published(study) / "MODEL_CARD.html").read_text()
    for text in ("RESEARCH - not validated - not for clinical use", "Intended use: Tests", "Few cases", "TRIPOD+AI"):
        assert text in card
        assert text in page
    assert "| 17 | Ethical approval | not reported |" in card
    assert "A &lt;i&gt;" not in page
    assert "A | B &lt;i&gt;" in page
    assert page.count("data:image/png;base64,") == page.count("<img") >= 6
    assert "://" not in page
    assert r"A \| B <i>" in card


def test_steps_are_not_repeated(study: Path) -> None:
    """A step whose plan and inputs are the same does nothing; one whose input changed runs again."""
    for command in ("train", "validate"):
        assert "nothing has changed" in run(study.parent, command, study).output
    labels = study.parent / "external_labels.csv"
    before = labels.read_bytes()
    labels.write_bytes(before.replace(b"E0,hot\n", b""))
    try:
        again = run(study.parent, "validate", study)
        assert again.exit_code == 0
        assert "nothing has changed" not in again.output
        assert summary(study, "validate")["cohorts"]["external"]["cases"] == 43
    finally:
        labels.write_bytes(before)
        assert run(study.parent, "validate", study).exit_code == 0


def test_patient_of_training_in_a_validation_cohort_is_refused(study: Path, tmp_path: Path) -> None:
    """In two lines, and counted instead of named."""
    text = study.read_text().replace("external.parquet", "train.parquet").replace("external_labels", "train_labels")
    other = study.parent / "leaky.yaml"
    other.write_text(text)
    shutil.copytree(study.parent / "out" / "train", tmp_path / "kept")
    refused = run(study.parent, "validate", other)
    assert refused.exit_code == 1
    assert "60 patients are in the training table and in the cohort external" in refused.output
    assert run(study.parent, "validate", study).exit_code == 0


def test_images_of_training_under_another_pseudonym_are_refused(study: Path, tmp_path: Path) -> None:
    """A patient with another pseudonym in the other hospital's table was trained on nevertheless."""
    folder = study.parent
    for name in ("train.parquet", "train_labels.csv"):
        read, write = (pd.read_parquet, "to_parquet") if name.endswith("parquet") else (pd.read_csv, "to_csv")
        table = read(folder / name)
        getattr(table.assign(patient="Z" + table["patient"].astype(str)), write)(tmp_path / name, index=False)
    text = study.read_text().replace("external.parquet", str(tmp_path / "train.parquet"))
    other = folder / "renamed.yaml"
    other.write_text(text.replace("external_labels.csv", str(tmp_path / "train_labels.csv")))
    refused = run(folder, "validate", other)
    assert refused.exit_code == 1
    assert "cases of the cohort external have the same values in every feature" in refused.output
    assert run(folder, "validate", study).exit_code == 0


def test_published_forest_is_the_trained_one(study: Path) -> None:
    """Publishing adds words and figures: estimator, canary and reference distribution are the candidate's."""
    (candidate,) = (study.parent / "out" / "train" / "bundle").iterdir()
    for name in ("estimator.skops", "canary.npz", "reference.npz"):
        assert (candidate / name).read_bytes() == (published(study) / name).read_bytes()
    assert published(study).name in run(study.parent, "list").output


def test_validated_needs_other_patients_and_a_protocol(study: Path) -> None:
    """``validated`` takes the notice away: each requirement that is not met is named, and the card states all."""
    other = study.parent / "claims.yaml"
    other.write_text(study.read_text().replace("publish: {", "publish: {validated: yes, "))
    assert "protocol" in run(study.parent, "publish", other).output
    (study.parent / "protocol.txt").write_text("as planned")
    text = other.read_text().replace("validated: yes", "validated: yes, protocol: osf.io, protocol_file: protocol.txt")
    other.write_text(text)
    refused = run(study.parent, "publish", other)
    assert refused.exit_code == 1
    said = " ".join(refused.output.split())
    for missing in (
        "a bar declared before: train.validation_bar and train.protocol were not set",
        "external could not be compared with the training cases by pixel digests",
        "negative controls are beaten: not beaten: shuffled voxels (there is no table control_shuffled_voxels",
    ):
        assert missing in said
    card = (published(study) / "MODEL_CARD.md").read_text()
    assert "## Requirements of a validated signature" in card
    assert "| other patients | no | external could not be compared" in card
    assert "## Negative controls" in card
    assert "leave one site out" in card


@pytest.fixture
def in_service(study: Path, phantom: Phantom, tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Return what scores the phantom as a worker does and gives its ``result.json``."""
    registry = Registry(study.parent / "data" / "signatures")

    def score(version: int = 1) -> dict[str, Any]:
        spool = Spool(study.parent / "data" / "spool")
        spool.prepare()
        for path in phantom.paths:
            header = dcmread(path, stop_before_pixels=True)
            part = spool.receiving / path.name
            part.write_bytes(path.read_bytes())
            spool.keep(part, header.StudyInstanceUID, header.SeriesInstanceUID, header.SOPInstanceUID)
        seg = dcmread(phantom.seg_path, stop_before_pixels=True)
        images = [dcmread(path, stop_before_pixels=True) for path in phantom.image_paths[1]]
        job = create_job(spool, phantom, seg, images, version)
        settings = WorkerSettings(spool.root, registry.root)
        scoring.run(spool, job, registry, settings, shadow=Shadow(registry))
        found = spool.find_job(job.id)
        assert found is not None
        return dict(json.loads((found.folder / "result.json").read_text()))

    return score


def create_job(spool: Spool, phantom: Phantom, seg: Any, images: list[Any], version: int) -> Job:
    """Return a claimed job of its own, as if the outline had come anew."""
    job_id = job_id_for(f"{seg.SOPInstanceUID}.{version}", 1)
    content = {
        "job_id": job_id,
        "version": 1,
        "replaces": None,
        "study_uid": phantom.study_uid,
        "seg": {"series_uid": seg.SeriesInstanceUID, "sop_instance_uid": seg.SOPInstanceUID},
        "instances": {images[0].SeriesInstanceUID: [image.SOPInstanceUID for image in images]},
        "not_complete": None,
    }
    complete = {**as_json(job_record(job_id)), **content, "required": content["instances"]}
    job = spool.create_job(record_of(JobRecord, complete, "job.json"), JobState.RUNNING)
    assert job is not None
    return job


def test_service_and_table_give_the_same_number_and_the_shadow_is_only_stored(
    study: Path, row: pd.DataFrame, in_service: Callable[..., dict[str, Any]]
) -> None:
    """The trained bundle scores in the service unchanged: to 1e-12 what ``score`` says of the table, as does a shadow.

    Beside a shadow the objects are the same bytes as without one; ``compare`` reads what was stored.
    """
    home = study.parent
    registry = Registry(home / "data" / "signatures")
    registry.ensure_shipped()
    assert run(home, "activate", "ours-1.0.0").exit_code == 0
    alone = in_service(1)
    assert "shadow" not in alone
    row.to_parquet(home / "row.parquet")
    assert run(home, "shadow", "radtme-research-phantom").exit_code == 0
    beside = in_service(2)
    for name, found in (("ours-1.0.0", beside["score"]), (shipped_bundle().name, beside["shadow"])):
        told = run(home, "score", home / "row.parquet", "--signature", name)
        (said,) = csv.DictReader(io.StringIO(told.stdout))
        assert abs(float(said["hot_probability"]) - found["hot_probability"]) <= 1e-12
        assert said["tendency"] == found.get("tendency", found["phenotype"])
    assert beside["score"] == alone["score"]
    assert beside["objects"] == alone["objects"]
    assert beside["shadow"]["difference"] == beside["shadow"]["hot_probability"] - beside["score"]["hot_probability"]
    in_service(3)
    in_service(4)
    compared = run(home, "compare", "ours-1.0.0", shipped_bundle().name)
    assert compared.exit_code == 0, compared.output
    assert "cases:  3" in compared.output
    mean = -beside["shadow"]["difference"]
    swapped = run(home, "compare", shipped_bundle().name, "ours-1.0.0", "--output", home / "compared")
    assert f"mean {mean:+.4f}" in swapped.output
    assert (home / "compared" / "figures" / "agreement.svg").is_file()
    assert run(home, "shadow", "--off").exit_code == 0
    assert "shadow" not in in_service(5)


def test_compare_on_a_table_tests_the_aucs(study: Path) -> None:
    """With labels the AUCs are compared by DeLong's paired test."""
    home = study.parent
    Registry(home / "data" / "signatures").ensure_shipped()
    tables = ("--table", home / "external.parquet", "--labels", home / "external_labels.csv")
    compared = run(home, "compare", "ours-1.0.0", shipped_bundle().name, *tables)
    assert compared.exit_code == 0, compared.output
    assert "cases:  44" in compared.output
    assert "DeLong p = " in compared.output
    assert "Cohen's kappa" in compared.output


def test_score_names_what_a_row_lacks(study: Path, row: pd.DataFrame) -> None:
    """A row that lacks a feature of the score is not scored, and names it; a table of another profile is refused."""
    signature = load_bundle(published(study))
    lacking = row.assign(**{signature.columns[2]: np.nan})
    (why,) = score_table(signature, lacking)["not_scored"]
    assert why == f"lacks {signature.columns[2]}"
    (why,) = score_table(signature, row.assign(reason="tumour_too_small"))["not_scored"]
    assert why == "tumour_too_small"
    other = study.parent / "other.parquet"
    row.drop(columns=list(signature.columns)).to_parquet(other)
    refused = run(study.parent, "score", other, "--signature", published(study))
    assert refused.exit_code == 1
    assert "not measured with profile han2024-near-tissue" in refused.output


def test_columns_of_a_plan_are_checked(study: Path) -> None:
    """A mistake in the plan is reported with its line."""
    other = study.parent / "wrong.yaml"
    text = study.read_text().replace("repeats: 1", "repeats: 0")
    other.write_text(text)
    line = 1 + next(number for number, one in enumerate(text.splitlines()) if "repeats: 0" in one)
    refused = run(study.parent, "train", other)
    assert refused.exit_code == 2
    assert f"wrong.yaml:{line}: train.repeats: expected at least 1, found 0" in refused.output


def test_classes_that_do_not_overlap_are_no_certainty() -> None:
    """DeLong's interval of an AUC of 1 has no width; the cohort's numbers say what that means."""
    cases = pd.DataFrame({"patient": list("abcdefghijkl"), "score": np.linspace(0.1, 0.9, 12)})
    cases["phenotype"] = cases["verdict"] = ["cold"] * 6 + ["hot"] * 6
    notes = cohort_numbers(ScoredCohort("separate", cases, 0.5, {}))["notes"]
    assert any("do not overlap" in note for note in notes)
    cases["score"] = cases["score"].to_numpy()[[0, 1, 2, 3, 4, 6, 5, 7, 8, 9, 10, 11]]
    notes = cohort_numbers(ScoredCohort("overlapping", cases, 0.5, {}))["notes"]
    assert not any("do not overlap" in note for note in notes)
