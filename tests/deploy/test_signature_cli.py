"""``radtme signature``: build a research signature, publish it, let it score, go back."""

import re
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from deploy.cli import radtme
from deploy.research_cohort import MeasuredCase, cohort_specs, measure_cohort, measure_phantom
from deploy.research_signature import RESEARCH_NOTICE, ResearchPlan, research_content
from model_store.bundle import write_bundle
from model_store.profile import FEATURES_PER_REGION, HAN2024
from model_store.registry import Registry, shipped_bundle

PLAN = ResearchPlan(seed=5, cases=10, held_out=4, version="0.0.1")


@pytest.fixture(scope="module")
def cases() -> list[MeasuredCase]:
    """Return the few measured phantoms of a small plan."""
    return measure_cohort(cohort_specs(PLAN.seed, PLAN.cases + PLAN.held_out), PLAN.profile, 1, lambda: None)


@pytest.fixture(scope="module")
def bundle(cases: list[MeasuredCase], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the bundle of the small plan."""
    return write_bundle(tmp_path_factory.mktemp("bundles"), research_content(PLAN, cases))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder without configuration."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RADTME_CONFIG", raising=False)
    return tmp_path


def run(*arguments: object) -> Result:
    """Run ``radtme signature`` as a person does."""
    return CliRunner().invoke(radtme, ["signature", *map(str, arguments)])


def test_phantoms_are_measured_completely(cases: list[MeasuredCase]) -> None:
    """Every phantom gives 479 features of both regions, and half of them are inflamed."""
    assert [case.refused for case in cases] == [None] * 14
    assert {len(case.features) for case in cases} == {2 * FEATURES_PER_REGION}
    assert [case.hot for case in cases] == [True, False] * 7


def test_same_plan_gives_same_digest(cases: list[MeasuredCase], bundle: Path, tmp_path: Path) -> None:
    """A phantom measured again has the same features to the last bit, and the same features give the same bundle."""
    assert measure_phantom(cohort_specs(PLAN.seed, 3)[2], HAN2024) == cases[2]
    again = write_bundle(tmp_path, research_content(PLAN, cases))
    assert again.name == bundle.name
    other = research_content(ResearchPlan(seed=6, cases=10, held_out=4, version="0.0.1"), cases)
    assert write_bundle(tmp_path, other).name != bundle.name


def test_build_research_writes_a_bundle_that_verifies(home: Path) -> None:
    """The command builds the bundle, prints its folder, and the result passes `verify`; it carries the notice."""
    built = run("build-research", "out", "--cases", 10, "--held-out", 4, "--seed", 5, "--bundle-version", "0.0.2")
    assert built.exit_code == 0, built.output
    folder = home / built.output.strip().splitlines()[-1]
    assert re.fullmatch(r"radtme-research-phantom-0\.0\.2-[0-9a-f]{12}", folder.name)
    assert run("verify", folder).exit_code == 0
    assert f"**{RESEARCH_NOTICE}**" in (folder / "MODEL_CARD.md").read_text()


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
    assert RESEARCH_NOTICE in run("show", shipped).output
    assert run("rollback").exit_code == 0
    assert registry.active().name == shipped
    none_left = run("rollback")
    assert none_left.exit_code == 1
    assert "no earlier signature" in none_left.output


def test_errors_are_two_lines_and_exit_code_1(home: Path, bundle: Path) -> None:
    """A damaged bundle and an unknown name are told in at most two lines, the file named."""
    damaged = Path(shutil.copytree(bundle, home / bundle.name))
    (damaged / "canary.npz").write_bytes(b"x")
    for arguments, said in (
        (("verify", damaged), "canary.npz"),
        (("publish", damaged), "canary.npz"),
        (("activate", "nothing"), "no signature matches 'nothing'"),
        (("show",), "no signature is active"),
        (("build-research", "out", "--cases", 2, "--held-out", 0), "5 hot patients"),
    ):
        result = run(*arguments)
        assert result.exit_code == 1, arguments
        assert said in result.output
        assert len(result.output.strip().splitlines()) <= 2


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
        assert "Example: radtme signature" in result.output


def test_shipped_signature_is_sound(tmp_path: Path) -> None:
    """The signature that comes with the program passes every check, carries the notice, is small and not perfect."""
    registry = Registry(tmp_path)
    registry.ensure_shipped()
    registry.ensure_shipped()
    signature = registry.active()
    assert signature.research_notice == RESEARCH_NOTICE
    assert signature.profile == HAN2024
    assert len(registry.history()) == 1
    assert sum(path.stat().st_size for path in shipped_bundle().iterdir()) < 1_500_000
    auc = signature.description.metrics["held_out"]["auc"]
    assert auc["low"] > 0.6
    assert auc["value"] < 0.97
