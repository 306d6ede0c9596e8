"""``radtme signature``: build a research signature, publish it, let it score, go back."""

import re
import shutil
from collections import Counter
from functools import partial
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from deploy.cli import radtme
from deploy.simulation import research_signature
from deploy.simulation.research_cohort import HOT_FROM, cohort_specs, measure_cohort, other_specs
from deploy.simulation.research_signature import RESEARCH_NOTICE
from model_store.signatures.acceptance import Interval, Parameter
from model_store.signatures.bundle import load_bundle
from model_store.signatures.profile import DEFAULT_PROFILE, FEATURES_PER_REGION
from model_store.signatures.registry import Registry, shipped_bundle
from model_store.training.development import develop
from model_store.training.forest import Candidate
from workers.scoring.signature_quality import signature_quality


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a research signature from as few phantoms as can be and a small forest, built by the command."""
    folder = tmp_path_factory.mktemp("bundles")
    few_trees = partial(develop, grid=(Candidate(columns=8, max_depth=3, min_samples_leaf=4, trees=20),))
    phantoms = ("--cases", 10, "--held-out", 4, "--other-spacings", 4)
    plan = (*phantoms, "--seed", 5, "--bundle-version", "0.0.1", "--concurrency", 2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(research_signature, "develop", few_trees)
        built = run("build-research", "--output", folder, *plan)
    assert built.exit_code == 0, built.output
    return Path(built.output.strip().splitlines()[-1])


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder without configuration."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RADTME_CONFIG", raising=False)
    return tmp_path


def run(*arguments: object) -> Result:
    """Run ``radtme signature`` as a person does."""
    return CliRunner().invoke(radtme, ["signature", *map(str, arguments)])


def test_build_research_writes_a_bundle_that_verifies(bundle: Path) -> None:
    """The command prints the bundle's folder; the result passes `verify`, and its card carries the notice."""
    assert re.fullmatch(r"radtme-research-phantom-0\.0\.1-[0-9a-f]{12}", bundle.name)
    assert run("verify", bundle).exit_code == 0
    assert f"**{RESEARCH_NOTICE}**" in (bundle / "MODEL_CARD.md").read_text()


def test_phantom_measured_again_has_the_same_features(bundle: Path) -> None:
    """To the last bit, and so that it lies in the ranges that another process wrote: else digests would differ."""
    specs = cohort_specs(seed=5, cases=10)[:1]
    first, again = (measure_cohort(specs, DEFAULT_PROFILE, 1, lambda: None) for _ in range(2))
    assert first == again
    assert first[0].hot
    assert len(first[0].features) == 2 * FEATURES_PER_REGION
    ranges = load_bundle(bundle).ranges
    assert all(ranges[column].holds(value) for column, value in first[0].features.items())


def test_cohort_is_half_inflamed_and_from_several_protocols() -> None:
    """Classes, protocols and noise are balanced, so that none of them tells the class."""
    specs = cohort_specs(seed=1, cases=36)
    kinds = Counter((float(spec.immune) >= HOT_FROM, spec.spacing_mm, spec.noise) for spec in specs)
    assert len(kinds) == 2 * 3 * 3
    assert set(kinds.values()) == {2}
    assert len({spec.seed for spec in specs}) == 36


def test_other_spacings_are_measured_on_other_phantoms() -> None:
    """They are balanced, too, and neither their spacings nor their seeds occur in training."""
    specs, others = cohort_specs(seed=1, cases=36), other_specs(seed=1, cases=48)
    kinds = Counter((float(spec.immune) >= HOT_FROM, spec.spacing_mm, spec.noise) for spec in others)
    assert len(kinds) == 2 * 4 * 3
    assert set(kinds.values()) == {2}
    assert not {spec.spacing_mm for spec in specs} & {spec.spacing_mm for spec in others}
    assert not {spec.seed for spec in specs} & {spec.seed for spec in others}


def test_the_shipped_signature_accepts_the_spacings_that_it_was_trained_or_measured_on() -> None:
    """Between the smallest divided by 1.25 and the largest times 1.25, and its card says so."""
    contract = load_bundle(shipped_bundle()).acceptance
    assert contract.acquisition == {
        Parameter.PIXEL_SPACING: Interval(0.4, 2.0),
        Parameter.SLICE_SPACING: Interval(0.8, 3.75),
    }
    card = (shipped_bundle() / "MODEL_CARD.md").read_text()
    assert "| pixel spacing mm | 0.4 to 2 |" in card
    assert "none is simulated, so that repetition time, echo time" in card


def test_publish_activate_rollback(home: Path, bundle: Path) -> None:
    """From an empty registry to two signatures, the second active, and back to the first."""
    registry = Registry(home / "radtme-data" / "signatures")
    registry.ensure_shipped()
    shipped = shipped_bundle().name
    assert run("publish", bundle).exit_code == 0
    assert f"* {shipped}" in run("list").output
    assert run("activate", "radtme-research-phantom-0.0.1").exit_code == 0
    listed = run("list", "--history").output
    assert f"* {bundle.name}" in listed
    assert len(re.findall(r"^\d{4}-\d\d-\d\dT.*\+00:00  activate", listed, re.MULTILINE)) == 2
    assert bundle.name in run("show").output
    shown = run("show", shipped).output.split()
    assert RESEARCH_NOTICE in " ".join(shown)
    assert "not beaten: shuffled voxels; so research only" in " ".join(shown)
    assert registry.verify(shipped).digest in "".join(shown)
    assert run("rollback").exit_code == 0
    assert registry.active().name == shipped
    none_left = run("rollback")
    assert none_left.exit_code == 1
    assert "no earlier signature" in none_left.output


def test_errors_are_two_lines_and_exit_code_1(home: Path, bundle: Path) -> None:
    """A damaged bundle and an unknown name give an error of at most two lines that names the file."""
    damaged = Path(shutil.copytree(bundle, home / bundle.name))
    (damaged / "canary.npz").write_bytes(b"x")
    for arguments, said in (
        (("verify", damaged), "canary.npz"),
        (("publish", damaged), "canary.npz"),
        (("activate", "nothing"), "no signature matches 'nothing'"),
        (("show",), "no signature is active"),
        (("build-research", "--output", "out", "--cases", 2, "--held-out", 0, "--other-spacings", 0), "5 hot patients"),
    ):
        result = run(*arguments)
        assert result.exit_code == 1, arguments
        assert said in result.output
        # A slow machine shows progress before the error.
        said = [line for line in result.output.strip().splitlines() if not line.startswith("measuring phantoms: ")]
        assert len(said) <= 2


def test_empty_registry_is_said(home: Path) -> None:
    """Listing nothing says that there is nothing, and is no error."""
    result = run("list")
    assert result.exit_code == 0
    assert "no signature" in result.output


def test_every_command_has_help_with_an_example() -> None:
    """`--help` of the group and of each command shows an example."""
    names = ("list", "show", "verify", "publish", "activate", "rollback", "build-research")
    for arguments in ((), *((name,) for name in names)):
        result = run(*arguments, "--help")
        assert result.exit_code == 0
        assert "Examples:\n    radtme signature" in result.output


def test_shipped_signature_is_sound(tmp_path: Path) -> None:
    """The signature that comes with the program passes every check, carries the notice, is small and not perfect."""
    registry = Registry(tmp_path)
    registry.ensure_shipped()
    registry.ensure_shipped()
    signature = registry.active()
    assert signature.research_notice == RESEARCH_NOTICE
    assert signature.profile == DEFAULT_PROFILE
    assert len(registry.history()) == 1
    assert sum(path.stat().st_size for path in shipped_bundle().iterdir()) < 1_500_000
    auc = signature.description.metrics["held_out"]["auc"]
    assert auc["low"] > 0.6
    assert signature.description.metrics["held_out_other_spacings"]["auc"]["low"] > 0.6
    quality = signature_quality(signature.description)
    assert quality is not None
    assert (quality.kind, quality.cases, quality.auc) == ("held-out", 160, auc["value"])
    assert auc["value"] < 0.97


@pytest.mark.parametrize("version", ["1.0_0", "V1", ""])
def test_a_version_that_no_bundle_can_have_is_refused_before_anything_is_measured(
    home: Path, version: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Measuring takes minutes, so that a wrong option is reported before it, in one line."""
    monkeypatch.setattr("deploy.simulation.research_signature.measure_cohort", lambda *_: pytest.fail("it measures"))
    refused = run("build-research", "--output", home / "bundles", "--bundle-version", version)
    assert refused.exit_code != 0
    assert f"error: id and version are lower-case letters, digits, dots and hyphens, not {version!r}" in refused.output
    assert isinstance(refused.exception, SystemExit)
    assert not (home / "bundles").exists()
