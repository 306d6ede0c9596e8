"""One file says what a study does."""

from pathlib import Path

import pytest

from deploy.configuration.load import ConfigurationError
from deploy.configuration.study import load_study
from deploy.errors import WrongUsage
from model_store.cohort.plan import ExtractPlan
from model_store.reliability.plan import ReliabilityPlan


def written(tmp_path: Path, text: str) -> Path:
    """Return a configuration file with this text."""
    file = tmp_path / "study.yaml"
    file.write_text(text)
    return file


def test_sections_become_plans_and_paths_start_at_the_file(tmp_path: Path) -> None:
    """A study can be moved with its folder: what its file names lies beside it."""
    study = load_study(written(tmp_path, "output: out\nextract: {folder: dicom}\nreliability: {threshold: 0.8}\n"))
    assert study.output == tmp_path / "out"
    assert study.plan("extract", ExtractPlan).folder == tmp_path / "dicom"
    assert study.plan("reliability", ReliabilityPlan).threshold == 0.8
    assert study.folder("train") == tmp_path / "out" / "train"


def test_what_is_left_out_has_its_default(tmp_path: Path) -> None:
    """The paper's ICC threshold holds unless another one is asked for."""
    assert load_study(written(tmp_path, "output: out\n")).plan("reliability", ReliabilityPlan).threshold == 0.75


def test_every_mistake_is_shown_at_once_with_its_line(tmp_path: Path) -> None:
    """One run is enough to find them all: unknown sections and keys, wrong types, what contradicts itself."""
    text = "output: out\nextract:\n  folder: a\n  pairs: b.csv\nreliability:\n  treshold: 0.8\n  seed: one\ntrian: {}\n"
    with pytest.raises(ConfigurationError) as raised:
        load_study(written(tmp_path, text))
    said = raised.value.message.splitlines()
    assert len(said) == 4
    assert "study.yaml:3: extract: expected one of folder, pairs and pacs, found folder and pairs" in said[0]
    assert "study.yaml:6: reliability.treshold: unknown key; did you mean 'threshold'?" in said[1]
    assert "study.yaml:7: reliability.seed: expected a whole number" in said[2]
    assert "study.yaml:8: trian: unknown key; did you mean 'train'?" in said[3]


def test_a_configuration_of_the_service_is_no_study_with_a_slip(tmp_path: Path) -> None:
    """Its keys are none of those of a study: nothing like them is suggested."""
    with pytest.raises(ConfigurationError) as raised:
        load_study(written(tmp_path, "output: out\ndata: x\nlistener: {}\n"))
    said = raised.value.message.splitlines()
    assert len(said) == 2
    assert all("unknown key; expected one of extract, phenotype" in line for line in said)


def test_a_step_without_its_section_says_what_is_missing(tmp_path: Path) -> None:
    """Cases have to lie somewhere: no default can say where."""
    with pytest.raises(WrongUsage, match="expected a section extract: expected one of folder"):
        load_study(written(tmp_path, "output: out\n")).plan("extract", ExtractPlan)


@pytest.mark.parametrize(
    ("section", "expected"),
    [
        ("reliability: {threshold: 1}", "reliability.threshold: expected more than 0, less than 1, found 1"),
        ("reliability: {perturb: {noise_mm: -0.5}}", "reliability.perturb.noise_mm: expected at least 0, found -0.5"),
        ("reliability: {seed: 4294967296}", "reliability.seed: expected a number from 0 to 2147483647"),
        ("train: {columns: [8, 0]}", "train.columns: expected at least 1, found 0"),
        ("train: {columns: []}", "train: columns: expected at least one number, found none"),
        (
            "phenotype: {expression: e.tsv, unit: tpm, gene_sets: g.gmt, least_coverage: 1.5}",
            "phenotype.least_coverage: expected more than 0, at most 1, found 1.5",
        ),
    ],
)
def test_a_number_out_of_bounds_is_named_with_its_bounds(tmp_path: Path, section: str, expected: str) -> None:
    """A night's run does not end at a step that cannot use it."""
    with pytest.raises(ConfigurationError) as raised:
        load_study(written(tmp_path, f"output: out\n{section}\n"))
    assert expected in raised.value.message
