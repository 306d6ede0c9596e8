"""Cases that both feature engines measure."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from deploy.simulation.phantom import Phantom
from listener.spool.jobs import JobState
from listener.spool.spool import Spool
from model_store.signatures.registry import Registry
from support.claimed_jobs import claimed_job, objects, result
from workers.errors import Reason
from workers.features.engine import compiled
from workers.features.engine.choice import Engine, EngineCheck
from workers.jobs import score_job as scoring
from workers.scoring.checked_registry import CheckedRegistry
from workers.settings import WorkerSettings


@pytest.fixture
def checked(registry: Registry, tmp_path: Path) -> CheckedRegistry:
    """Return the registry as the processes of one worker use it."""
    return CheckedRegistry(registry.root, tmp_path)


def test_a_case_that_both_engines_measure_has_the_results_of_one(
    spool: Spool, phantom: Phantom, checked: CheckedRegistry, settings: WorkerSettings
) -> None:
    """The check of 958 features against pyradiomics passes, is counted, and leaves no trace in the objects."""
    plain, both = (replace(settings, engine_check_interval=interval) for interval in (0, 1))
    job = claimed_job(spool, phantom)
    done = scoring.run(spool, job, checked, both)
    assert (done.outcome, done.engine_check) == ("scored", EngineCheck.EQUAL)
    before = objects(spool, job)
    moved = spool.find_job(job.id)
    assert moved is not None
    again = spool.move(moved, JobState.RUNNING)
    assert again is not None
    (again.folder / "result.json").unlink()
    assert scoring.run(spool, again, checked, plain).engine_check is None
    assert objects(spool, job) == before


def test_a_feature_that_differs_between_the_engines_stops_the_scoring_of_the_worker(
    spool: Spool,
    phantom: Phantom,
    checked: CheckedRegistry,
    settings: WorkerSettings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The case ends as not scored with the feature named; the next one is not scored by any process of the worker."""
    measure = compiled._engine.intensity

    def slightly_wrong(*arguments: Any) -> list[float]:
        values = measure(*arguments)
        return [*values[:40], values[40] * (1 + 1e-5), *values[41:]]

    monkeypatch.setattr(compiled._engine, "intensity", slightly_wrong)
    job = claimed_job(spool, phantom)
    done = scoring.run(spool, job, checked, replace(settings, engine_check_interval=1))
    assert (done.outcome, done.reason) == ("not_scored", Reason.ENGINES_DIFFER)
    assert done.engine_check is EngineCheck.DIFFERENT
    assert compiled.INTENSITY_NAMES[40] in result(spool, job)["rejection"]["message"]
    other = CheckedRegistry(checked.root, tmp_path)
    next_one = scoring.run(spool, claimed_job(spool, phantom, version=2), other, settings)
    assert (next_one.outcome, next_one.reason) == ("not_scored", Reason.SIGNATURE_UNUSABLE)


def test_results_name_the_engine_that_measured(
    spool: Spool, phantom: Phantom, checked: CheckedRegistry, settings: WorkerSettings
) -> None:
    """In the algorithm parameters of both reports; pyradiomics gives the same verdict."""
    scores = []
    for version, engine in enumerate(Engine, start=1):
        job = claimed_job(spool, phantom, version=version, replaces=None)
        scoring.run(spool, job, checked, replace(settings, engine=engine))
        scores.append(result(spool, job)["score"]["hot_probability"])
        for name in ("summary_report.dcm", "feature_report.dcm"):
            assert f"feature engine {engine.description}".encode() in objects(spool, job)[name]
    assert scores[0] == scores[1]
