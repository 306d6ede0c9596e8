"""A process that measures other values than expected scores nothing; readiness, metric and log show it."""

import json
import re
import sys
import urllib.error
from dataclasses import replace
from pathlib import Path

import pytest

from model_store.errors import SignatureError
from model_store.signatures.profile import FEATURES_PER_REGION, PROFILES
from model_store.signatures.registry import Registry
from support.installation import Installation
from support.processes import wait_until
from workers.errors import ModelError
from workers.features import canary as feature_canary
from workers.metrics.counters import ActiveSignature
from workers.scoring import checked_registry
from workers.scoring.checked_registry import CheckedRegistry
from workers.scoring.score import active_signature


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Return the folder of a registry with the shipped signature active."""
    Registry(tmp_path / "signatures").ensure_shipped()
    return tmp_path / "signatures"


@pytest.mark.parametrize("name", PROFILES)
def test_every_profile_has_its_canary_and_meets_it(name: str) -> None:
    """All 958 features of each profile are expected, and measured as expected."""
    assert len(feature_canary.expected_features()[name]) == 2 * FEATURES_PER_REGION
    assert feature_canary.difference(PROFILES[name]) is None


@pytest.mark.parametrize("name", sorted(PROFILES))
def test_every_python_measures_the_same_values(name: str) -> None:
    """All 958 features of the canary case on each supported Python, to 1e-9: one file of values holds all of them."""
    expected = feature_canary.expected_features()[name]
    assert len(expected) == 2 * FEATURES_PER_REGION
    assert feature_canary.measured(PROFILES[name]) == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_one_changed_feature_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative change of a millionth is within, of a hundred-thousandth is not; an absent feature is a difference."""
    profile = next(iter(PROFILES.values()))
    right = dict(feature_canary.expected_features()[profile.name])
    column = next(iter(right))
    for changed, is_seen in ((right[column] * (1 + 5e-7), False), (right[column] * (1 + 1e-5), True), (None, True)):
        values = {**right, column: changed} if changed is not None else {k: v for k, v in right.items() if k != column}
        monkeypatch.setattr(feature_canary, "measured", lambda profile, engine, values=values: values)
        said = feature_canary.difference(profile)
        assert (said is not None) == is_seen
        assert said is None or f"1 of 958 features of the canary case differ: {column}" in said


def test_a_difference_in_one_process_stops_the_scoring_of_its_worker(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It refuses to score; so do the others of this worker; readiness and metric, of the main process, say so."""
    scoring, other, main = (CheckedRegistry(store, tmp_path) for _ in range(3))
    assert usable(main) == 1.0
    other.measure_here()
    assert other.active().id
    monkeypatch.setattr(checked_registry, "difference", lambda profile, engine: "1 of 958 features differ")
    scoring.measure_here()
    for registry in (scoring, other):
        with pytest.raises(ModelError, match="1 of 958 features differ"):
            active_signature(registry)
    with pytest.raises(SignatureError):
        main.active()
    assert usable(main) == 0.0


def test_another_library_version_is_noted_in_reports_only_where_no_canary_speaks_for_it(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From Python 3.12 on another distribution provides pyradiomics, with equal values: a report says the same there.

    The canary has no values for a profile of a hospital's own, so the note stays.
    """
    noted = replace(Registry(store).active(), notes=("trained with pyradiomics 3.0.1, running with another",))
    monkeypatch.setattr(Registry, "active", lambda self: noted)
    scoring, looking = (CheckedRegistry(store, tmp_path) for _ in range(2))
    scoring.measure_here()
    assert scoring.active().notes == ()
    assert looking.active().notes == noted.notes
    own = replace(noted.profile, name="our-own", bin_width=noted.profile.bin_width * 2)
    noted = replace(noted, description=replace(noted.description, profile=own))
    assert scoring.active().notes == noted.notes


class WithOtherExpectations(Installation):
    """An installation whose workers expect another value of one feature: what a changed library looks like."""

    def _command(self, part: str) -> list[str]:
        if part != "work":
            return super()._command(part)
        right = feature_canary.EXPECTED.read_text()
        wrong = re.sub(r"(tumour_original_shape_MeshVolume),.*", r"\1,1234.5", right)
        assert wrong != right
        expected = self.folder / "feature_canary.csv"
        expected.write_text(wrong)
        return [sys.executable, "-c", RUN_WITH, str(expected), *super()._command(part)[1:]]


RUN_WITH = """
import sys
from pathlib import Path
from workers.features import canary as feature_canary
feature_canary.EXPECTED = Path(sys.argv.pop(1))
from deploy.cli import main
main()
"""


def test_a_real_worker_whose_features_differ_is_not_ready_and_logs_it(tmp_path: Path) -> None:
    """Readiness 503 with the check named, the metric 0, and the feature in the log."""
    with WithOtherExpectations(tmp_path) as installation:
        installation.start("redis", "work")
        wait_until(
            lambda: "radtme_signature_usable 0.0" in installation.get("work", "/metrics"), 120, "an unusable signature"
        )
        with pytest.raises(urllib.error.HTTPError) as answer:
            installation.get("work", "/readyz")
        assert answer.value.code == 503
        assert not json.loads(answer.value.read())["checks"]["signature"]["ok"]
        assert "tumour_original_shape_MeshVolume" in installation.log("work")


def usable(registry: Registry) -> float:
    """Return the metric."""
    (value,) = (
        sample.value
        for metric in ActiveSignature(registry).collect()
        for sample in metric.samples
        if sample.name == "radtme_signature_usable"
    )
    return value
