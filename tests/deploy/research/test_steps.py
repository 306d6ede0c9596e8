"""From a cohort's tables to a signature that scores in the service: train, validate, publish, shadow, compare."""

import csv
import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sklearn.metrics import roc_auc_score

from model_store.cohort.table_scores import score_table
from model_store.reporting.study_report import study_report
from model_store.signatures.bundle import load_bundle
from model_store.signatures.registry import Registry, shipped_bundle
from support.study_commands import published, run, summary


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
    outside, fitted = added["external"], added["training"]
    assert outside["low"] <= outside["difference"] <= outside["high"]
    assert 0 <= outside["p"] <= 1
    assert [fitted[name] for name in ("low", "high", "z", "p")] == [None] * 4
    table = pd.read_csv(study.parent / "out" / "validate" / "tables" / "added_value.csv").set_index("cohort")
    assert table.loc["training", ["low", "high", "z", "p"]].isna().all()
    assert "<td>not valid</td>" in page
    for one in added.values():
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


def test_steps_are_not_repeated(restored: Path) -> None:
    """A step whose plan and inputs are the same does nothing; one whose input changed runs again."""
    study = restored
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


def test_patient_of_training_in_a_validation_cohort_is_refused(restored: Path) -> None:
    """In two lines, and counted instead of named."""
    study = restored
    text = study.read_text().replace("external.parquet", "train.parquet").replace("external_labels", "train_labels")
    other = study.parent / "leaky.yaml"
    other.write_text(text)
    refused = run(study.parent, "validate", other)
    assert refused.exit_code == 1
    assert "60 patients are in the training table and in the cohort external" in refused.output


def test_images_of_training_under_another_pseudonym_are_refused(restored: Path, tmp_path: Path) -> None:
    """A patient with another pseudonym in the other hospital's table was trained on nevertheless."""
    study, folder = restored, restored.parent
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
        assert abs(float(said["score"]) - found["hot_probability"]) <= 1e-12
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


def repeated(study: Path, cohort: str, labels: Path, *more: object) -> tuple[int, dict[str, Any]]:
    """Return exit code and JSON of the repetition of the published bundle's figures on a cohort's tables."""
    tables = ("--features", study.parent / f"{cohort}.parquet", "--labels", labels)
    done = run(study.parent, "verify", published(study), "--reproduce", *tables, "--json", *more)
    return done.exit_code, dict(json.loads(done.stdout))


def test_the_figures_of_the_training_are_repeated_from_the_bundle_and_the_tables(study: Path) -> None:
    """Folds, forest, threshold, AUC with interval, calibration: no plan is asked for, and each figure is equal."""
    code, found = repeated(study, "train", study.parent / "train_labels.csv")
    figures = {one["name"]: one for one in found["figures"]}
    assert not [one for one in figures.values() if not one["equal"]]
    assert (code, found["cohort"], found["same_files"]) == (0, "training", {"features": True, "labels": True})
    performance = summary(study, "train")["families"]["random forest"]["performance"]
    assert figures["auc, low"]["repeated"] == pytest.approx(performance["auc"]["low"])
    assert {"folds", "forest", "threshold", "calibration slope, value", "auc, high", "brier, value"} <= set(figures)


def test_the_figures_of_a_validation_are_repeated_and_a_changed_label_is_seen(study: Path, tmp_path: Path) -> None:
    """The cohort is recognised by its table; with another label, figures differ and the command fails."""
    labels = study.parent / "external_labels.csv"
    code, found = repeated(study, "external", labels)
    assert (code, found["cohort"]) == (0, "external")
    assert all(one["equal"] for one in found["figures"])
    assert {"auc, value", "calibration, slope, low", "confusion, true positive"} <= {
        one["name"] for one in found["figures"]
    }
    changed = pd.read_csv(labels)
    changed.loc[0, "phenotype"] = "cold" if changed.loc[0, "phenotype"] == "hot" else "hot"
    changed.to_csv(tmp_path / "labels.csv", index=False)
    code, found = repeated(study, "external", tmp_path / "labels.csv")
    assert (code, found["same_files"]) == (1, {"features": True, "labels": False})
    assert "hot" in [one["name"] for one in found["figures"] if not one["equal"]]
    whole = pd.read_parquet(study.parent / "external.parquet")
    whole.head(30).to_parquet(tmp_path / "other.parquet")
    tables = ("--features", tmp_path / "other.parquet", "--labels", labels)
    done = run(study.parent, "verify", published(study), "--reproduce", *tables)
    assert done.exit_code == 0
    assert "nothing to compare with" in done.stderr


def test_a_site_returns_signed_numbers_in_place_of_patients(study: Path, tmp_path: Path) -> None:
    """No row, no pseudonym, no small group; another key, or one changed digit, is refused."""
    home, keys = study.parent, {name: Ed25519PrivateKey.generate() for name in ("site", "other")}
    pem, raw = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    for name, key in keys.items():
        (tmp_path / f"{name}.key").write_bytes(key.private_bytes(pem, raw, serialization.NoEncryption()))
        public = key.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo)
        (tmp_path / f"{name}.pub").write_bytes(public)
    cases = pd.read_csv(home / "external_labels.csv")
    cases["ward"] = ["a"] * 3 + ["b"] * 19 + ["c"] * (len(cases) - 22)
    cases[["patient", "ward"]].to_csv(tmp_path / "clinical.csv", index=False)
    file = tmp_path / "aggregates.json"
    tables = ("--features", home / "external.parquet", "--labels", home / "external_labels.csv")
    groups = ("--clinical", tmp_path / "clinical.csv", "--group", "ward")
    signing = ("--site", "Hospital B", "--key", tmp_path / "site.key", "--output", file)
    done = run(home, "aggregates", published(study), *tables, *groups, *signing)
    assert done.exit_code == 0, done.output
    content = json.loads(file.read_text())["aggregates"]
    assert content["whole"]["auc"] == pytest.approx(
        {end: summary(study, "validate")["cohorts"]["external"]["auc"][end] for end in ("value", "low", "high")}
    )
    # Three patients of ward a alone would be the difference of the whole and the two others.
    assert ([one["value"] for one in content["groups"]], content["withheld_groups"]) == (["c"], {"ward": 2})
    # Not in the whole file: the signature's random letters may hold a pseudonym as short as these.
    signed = json.dumps(content)
    assert not [patient for patient in cases["patient"] if re.search(rf"\b{patient}\b", signed)]
    refused = run(home, "aggregates", published(study), *tables, "--group", "patient", *signing)
    assert "cannot group by the column patient" in refused.output
    checking = ("check-aggregates", file, "--signature", published(study), "--public-key")
    done = run(home, *checking, tmp_path / "site.pub")
    assert done.exit_code == 0, done.output
    assert "signed by Hospital B" in done.output
    assert run(home, *checking, tmp_path / "other.pub").exit_code == 1
    file.write_text(file.read_text().replace('"Hospital B"', '"Hospital C"'))
    done = run(home, *checking, tmp_path / "site.pub")
    assert done.exit_code == 1
    assert "was not signed with this key, or was changed since" in " ".join(done.output.split())
