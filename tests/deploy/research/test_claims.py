"""What may be published as validated: a real effect, and no noise whose validation cohort has the training patients."""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result

from deploy.cli import radtme
from model_store.signatures.bundle import load_bundle
from model_store.signatures.profile import HAN2024
from workers.features.extraction import columns

pytestmark = pytest.mark.usefixtures("without_drawing")

COLUMNS = list(columns(HAN2024))
PLAN = (
    "output: out\n"
    "train: {id: ours, version: 1.0.0, features: train.parquet, labels: train_labels.csv, columns: [8],\n"
    "  max_depths: [3], trees: 10, repeats: 2, jobs: 1, alternatives: no,\n"
    "  validation_bar: 0.7, protocol: protocol.txt}\n"
    "validate: {cohorts: [{name: other, features: other.parquet, labels: other_labels.csv}]}\n"
    "publish: {validated: yes, protocol: osf.io, protocol_file: protocol.txt}\n"
)


@dataclass(frozen=True)
class Study:
    """The tables of a study in a folder."""

    folder: Path

    def cohort(self, name: str, prefix: str, seed: int, effect: float, controls: bool = False) -> None:
        """Write a cohort of 120 patients of three sites, 30 of whose features know the phenotype by ``effect``."""
        rng = np.random.default_rng(seed)
        hot = np.arange(120) % 2 == 0
        values = rng.normal(size=(120, len(COLUMNS)))
        values[:, 100:130] += effect * hot[:, None]
        self.write(name, prefix, values, seed)
        if controls:
            for kind in ("shuffled_voxels", "elsewhere"):
                table = self.table(prefix, rng.normal(size=(120, len(COLUMNS))), seed)
                table.to_parquet(self.folder / f"control_{kind}.parquet")

    def table(self, prefix: str, values: np.ndarray, seed: int) -> pd.DataFrame:
        """Return a feature table as the extraction writes it."""
        patients = [f"{prefix}{index}" for index in range(len(values))]
        head = pd.DataFrame({"case": [f"case {one}" for one in patients], "patient": patients, "reason": ""})
        head["site"] = [f"site {index // 2 % 3}" for index in range(len(values))]
        head["pixel_digest"] = [f"{seed * 1000 + index:064x}" for index in range(len(values))]
        return pd.concat([head, pd.DataFrame(values, columns=COLUMNS)], axis=1)

    def write(self, name: str, prefix: str, values: np.ndarray, seed: int) -> None:
        """Write features and labels; every other patient is hot."""
        table = self.table(prefix, values, seed)
        table.to_parquet(self.folder / f"{name}.parquet")
        phenotype = np.where(np.arange(len(values)) % 2 == 0, "hot", "cold")
        labels = pd.DataFrame({"patient": table["patient"], "phenotype": phenotype})
        labels.to_csv(self.folder / f"{name}_labels.csv", index=False)

    def run(self, command: str) -> Result:
        """Run a step as a person does."""
        config = [] if command == "train" else ["--config", str(self.folder / "radtme.yaml")]
        return CliRunner().invoke(radtme, ["signature", command, str(self.folder / "study.yaml"), *config])

    def said(self, command: str) -> str:
        """Run a step that is refused, and return its message in one line."""
        result = self.run(command)
        assert result.exit_code == 1, result.output
        return " ".join(result.output.split())


def planned(folder: Path) -> Study:
    """Return a study whose plan declares its bar and its protocol."""
    (folder / "radtme.yaml").write_text("data: data\n")
    (folder / "study.yaml").write_text(PLAN)
    (folder / "protocol.txt").write_text("AUC of at least 0.7 at the other hospital")
    return Study(folder)


@pytest.fixture
def study(tmp_path: Path) -> Study:
    """Return a study without tables."""
    return planned(tmp_path)


@dataclass(frozen=True)
class Kept:
    """A study after its first steps, of which each test gets the state of then."""

    folder: Path
    untouched: Path
    """A copy of the folder."""
    printed: str
    """What the steps printed."""

    def restored(self) -> Study:
        """Return the study as it was, in its own folder: in another one, it would be trained again."""
        shutil.rmtree(self.folder)
        shutil.copytree(self.untouched, self.folder)
        return Study(self.folder)


def after(study: Study, *commands: str) -> Kept:
    """Run steps of a study, and keep what they leave."""
    printed = "".join(done(study.run(command)) for command in commands)
    untouched = study.folder.with_name(f"{study.folder.name}_untouched")
    shutil.copytree(study.folder, untouched)
    return Kept(study.folder, untouched, printed)


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    """Return a study with a real effect, trained and validated."""
    study = planned(tmp_path_factory.mktemp("honest"))
    study.cohort("train", "P", 1, 1.0, controls=True)
    study.cohort("other", "E", 2, 1.0)
    return after(study, "train", "validate")


@pytest.fixture
def validated(honest: Kept) -> Study:
    """Return that study as it was after its validation."""
    return honest.restored()


@pytest.fixture(scope="module")
def noise(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    """Return a study of 120 patients of noise, trained."""
    study = planned(tmp_path_factory.mktemp("noise"))
    study.cohort("train", "P", 1, 0.0, controls=True)
    return after(study, "train")


@pytest.fixture
def trained_on_noise(noise: Kept) -> Study:
    """Return that study as it was after its training."""
    return noise.restored()


def done(result: Result) -> str:
    """Return what a step printed that has to succeed."""
    assert result.exit_code == 0, result.output
    return result.output


def test_an_honest_study_may_be_published_as_validated(validated: Study, honest: Kept) -> None:
    """Other patients, a bar declared before and passed, controls beaten: the notice goes, and the card states why."""
    study, printed = validated, honest.printed
    done(study.run("publish"))
    assert "negative control volume alone: AUC 0." in printed
    assert "leave-one-site-out: AUC 0." in printed
    (folder,) = (study.folder / "out" / "publish" / "bundle").iterdir()
    signature = load_bundle(folder)
    assert signature.description.status.value == "validated"
    assert signature.research_notice == ""
    card = (folder / "MODEL_CARD.md").read_text()
    assert "7 of 7 are met" in card
    declared = signature.description.training["declared"]
    assert declared["validation_bar"] == 0.7
    assert not declared["after_results"]
    before = folder.name
    done(study.run("train"))
    done(study.run("publish"))
    assert [path.name for path in (study.folder / "out" / "publish" / "bundle").iterdir()] == [before]


def test_noise_whose_own_patients_are_called_another_hospital_is_not_validated(trained_on_noise: Study) -> None:
    """120 noise patients, the same table with six digits and other pseudonyms (AUC 0.98 on them): refused."""
    study = trained_on_noise
    values = pd.read_parquet(study.folder / "train.parquet")[COLUMNS].to_numpy()
    study.write("other", "E", np.array([[float(f"{value:.6g}") for value in row] for row in values]), 2)
    assert "120 cases of the cohort other have nearly the same values in every feature" in study.said("validate")
    assert "other patients: no cohort of other patients was validated on" in study.said("publish")
    assert not (study.folder / "out" / "publish").exists()


def test_noise_is_not_validated_on_other_noise(trained_on_noise: Study) -> None:
    """An AUC of 0.5 is below the bar, and noise beats no control."""
    study = trained_on_noise
    study.cohort("other", "E", 2, 0.0)
    done(study.run("validate"))
    said = study.said("publish")
    assert "external performance: other: AUC 0." in said
    assert "the bar is 0.7" in said
    assert "negative controls are beaten: not beaten: shuffled labels" in said
    assert "leave-one-site-out AUC" in said
    summary = json.loads((study.folder / "out" / "train" / "summary.json").read_text())
    for auc in (summary["families"]["random forest"]["performance"]["auc"], summary["leave_one_site_out"]["auc"]):
        assert auc["low"] < 0.5 < auc["high"]


def edit(study: Study, old: str, new: str) -> None:
    """Change the plan."""
    path = study.folder / "study.yaml"
    path.write_text(path.read_text().replace(old, new))


def without_digests(study: Study) -> None:
    """Take the pixel digests out of the external table."""
    path = study.folder / "other.parquet"
    pd.read_parquet(path).drop(columns="pixel_digest").to_parquet(path)
    printed = done(study.run("validate"))
    assert "other was not compared with the training cases by pixel digests" in " ".join(printed.split())


def with_a_later_bar(study: Study) -> None:
    """Train again with a lower bar, once the external cohort was measured."""
    edit(study, "validation_bar: 0.7", "validation_bar: 0.6")
    done(study.run("train"))
    done(study.run("validate"))


def with_another_protocol(study: Study) -> None:
    """Name another file at publishing than at training."""
    (study.folder / "later.txt").write_text("AUC of whatever came out")
    edit(study, "protocol_file: protocol.txt", "protocol_file: later.txt")


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (without_digests, "other patients: other could not be compared with the training cases by pixel digests"),
        (with_a_later_bar, "a bar declared before: lower limit of the AUC above 0.6"),
        (with_another_protocol, "the protocol of that day: SHA-256"),
    ],
)
def test_each_requirement_alone_keeps_the_notice(validated: Study, change: Callable[[Study], None], named: str) -> None:
    """A table without digests, a bar of after the result, and another protocol are each enough, and named alone."""
    study = validated
    change(study)
    said = study.said("publish")
    assert f"not all requirements are met: {named}" in said
    edit(study, "validated: yes, ", "")
    done(study.run("publish"))
    (folder,) = (study.folder / "out" / "publish" / "bundle").iterdir()
    assert load_bundle(folder).research_notice
    assert "6 of 7 are met" in (folder / "MODEL_CARD.md").read_text()


def test_site_equal_to_the_label_is_not_validated(study: Study) -> None:
    """Folds at random give a high AUC; no site can be held out, so that it may be the site that was learnt."""
    study.cohort("train", "P", 1, 1.0, controls=True)
    study.cohort("other", "E", 2, 1.0)
    path = study.folder / "train.parquet"
    table = pd.read_parquet(path)
    table.assign(site=np.where(np.arange(120) % 2 == 0, "A", "B")).to_parquet(path)
    printed = done(study.run("train"))
    assert "leave-one-site-out could not be measured" in printed
    done(study.run("validate"))
    assert "sites of the training: 2 known, but none could be held out and measured" in study.said("publish")
    summary = json.loads((study.folder / "out" / "train" / "summary.json").read_text())
    assert summary["leave_one_site_out"]["auc"] is None


def test_copies_of_the_score_s_features_are_found_among_others(trained_on_noise: Study) -> None:
    """Before: HOT and COLD as in training with an AUC of 0.98, where all other columns of the copy are new noise."""
    study = trained_on_noise
    (bundle,) = (study.folder / "out" / "train" / "bundle").iterdir()
    chosen = list(load_bundle(bundle).columns)
    table = pd.DataFrame(np.random.default_rng(9).normal(size=(120, len(COLUMNS))), columns=COLUMNS)
    copied = pd.read_parquet(study.folder / "train.parquet")[chosen]
    table[chosen] = [[float(f"{value:.5g}") for value in row] for row in copied.to_numpy()]
    study.write("other", "E", table.to_numpy(), 2)
    assert "120 cases of the cohort other have the values of a training case in all 8 features" in study.said(
        "validate"
    )


def test_scores_that_were_changed_after_the_validation_are_refused(validated: Study) -> None:
    """The message names the file, the cohort, the column and the command that writes it anew, which then helps."""
    study = validated
    path = study.folder / "out" / "validate" / "tables" / "scores.parquet"
    scores = pd.read_parquet(path)
    row = scores.index[scores["cohort"] == "other"][3]
    for column, value, expected in (
        ("score", np.nan, "column score is not a number from 0 to 1 in 1 of 120 rows"),
        ("score", 1.5, "column score is not a number from 0 to 1 in 1 of 120 rows"),
        ("phenotype", "warm", "column phenotype is not hot or cold in 1 of 120 rows"),
        ("phenotype", None, "column phenotype is not hot or cold in 1 of 120 rows"),
    ):
        changed = scores.copy()
        changed.loc[row, column] = value
        changed.to_parquet(path)
        said = study.said("publish")
        assert f"scores.parquet, cohort other: {expected}" in said
        assert "run radtme signature validate again" in said
    done(study.run("validate"))
    done(study.run("publish"))


def few_patients_many_times(study: Study) -> None:
    """Replace the external cohort by 20 of its patients, each six times, under new pseudonyms and digests."""
    values = pd.read_parquet(study.folder / "other.parquet")[COLUMNS].to_numpy()
    study.write("other", "F", np.tile(values[:20], (6, 1)), 7)


def one_digest_for_all(study: Study) -> None:
    """State the same pixel digest in every row of the external table."""
    path = study.folder / "other.parquet"
    pd.read_parquet(path).assign(pixel_digest="ab" * 32).to_parquet(path)


def training_patients_turned(study: Study) -> None:
    """Call the training patients another hospital, in turned images: other digests, features with 5 % of noise."""
    values = pd.read_parquet(study.folder / "train.parquet")[COLUMNS].to_numpy()
    study.write("other", "R", values + np.random.default_rng(3).normal(0, 0.05, values.shape), 8)


@pytest.mark.parametrize(
    ("trick", "said"),
    [
        (few_patients_many_times, "cohort other: rows 1 and 21 of the measured cases with a label, of two patients"),
        (one_digest_for_all, "cohort other: 1 images occur under two pseudonyms (equal pixel digests)"),
        (training_patients_turned, "120 cases of the cohort other have nearly the same values in every feature"),
    ],
)
def test_a_cohort_of_copies_is_not_measured(validated: Study, trick: Callable[[Study], None], said: str) -> None:
    """Copies of a few patients narrow the interval (before: published); those of training patients prove nothing."""
    trick(validated)
    assert said in validated.said("validate")


def test_a_bar_that_is_lowered_after_training_does_not_count(validated: Study) -> None:
    """The candidate holds the bar of its training; the plan of the day of publication changes nothing."""
    edit(validated, "validation_bar: 0.7", "validation_bar: 0.5")
    done(validated.run("publish"))
    (folder,) = (validated.folder / "out" / "publish" / "bundle").iterdir()
    assert load_bundle(folder).description.training["declared"]["validation_bar"] == 0.7
    assert "lower limit of the AUC above 0.7, declared on" in (folder / "MODEL_CARD.md").read_text()


def test_the_card_names_sites_of_the_training_and_earlier_measurements(validated: Study) -> None:
    """Before: cases that were chosen once their scores were known stood in the card as if measured once."""
    tables = validated.folder / "out" / "validate" / "tables"
    scores = pd.read_parquet(tables / "scores.parquet")
    scores = scores[scores["cohort"] == "other"]
    is_right = scores["verdict"] == scores["phenotype"]
    kept = {*scores.loc[is_right, "patient"], *scores.loc[~is_right, "patient"].iloc[::2]}
    assert len(kept) < 120
    path = validated.folder / "other.parquet"
    table = pd.read_parquet(path)
    table[table["patient"].isin(kept)].to_parquet(path)
    done(validated.run("validate"))
    done(validated.run("publish"))
    (folder,) = (validated.folder / "out" / "publish" / "bundle").iterdir()
    card = (folder / "MODEL_CARD.md").read_text()
    assert "Measured before in this study: cohort other with 120 cases, AUC 0." in card
    assert f"{len(kept)} of {len(kept)} cases come from sites that were trained on (site 0, site 1, site 2)" in card
