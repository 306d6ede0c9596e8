"""The steps ``train``, ``validate`` and ``publish`` of a study: from its configuration to what they write."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from deploy.configuration.study import StudyConfiguration
from deploy.terminal import notices, saying
from model_store.publication.plan import PublishPlan
from model_store.reporting.step_output import RECORD, fingerprint, is_done, mark_begun, mark_done, read_summary
from model_store.signatures.bundle import load_bundle
from model_store.signatures.registry import Registry
from model_store.signatures.signature import Signature
from model_store.training.plan import TrainPlan
from model_store.validation.plan import ValidatePlan


@dataclass(frozen=True)
class StepDone:
    """The outcome of a step."""

    folder: Path
    summary: dict[str, Any]
    bundle: Path | None
    has_run: bool
    """Whether it ran now; else its results of an earlier run are up to date."""


def train_study(study: StudyConfiguration, begin: Callable[[str, int], Callable[[], None]]) -> StepDone:
    """Run step ``train``, unless its plan and inputs are those of the last time. Interrupted, it keeps finished folds.

    ``begin`` is told of each long part: what it is and of how many steps; it returns what to call after each step.
    """
    from model_store.computing.cluster import Cluster
    from model_store.publication.step import candidate_bundle
    from model_store.training.declaration import declaration
    from model_store.training.kept_folds import KeptFolds
    from model_store.training.output import write_training
    from model_store.training.step import run_training, train_inputs

    plan = study.plan("train", TrainPlan)
    inputs = train_inputs(plan, study.output)
    folder = study.folder("train")
    current = fingerprint({**vars(plan), "jobs": 0, "scheduler": ""}, inputs.files())
    if is_done(folder, current):
        return StepDone(folder, read_summary(folder), candidate_bundle(study.output), False)
    mark_begun(folder)
    shutil.rmtree(folder / "bundle", ignore_errors=True)
    kept = KeptFolds(folder / "folds", current)
    with Cluster(plan.jobs, plan.scheduler, saying(notices())) as cluster:
        mapped = map if plan.jobs == 1 and not plan.scheduler else cluster.map
        training = run_training(plan, inputs, mapped, begin, kept)
    declared = declaration(plan, folder, study.folder("validate"), datetime.now(UTC).date())
    bundle = write_training(plan, inputs, replace(training, declared=declared), folder)
    kept.forget()
    mark_done(folder, current, _files(folder))
    return StepDone(folder, read_summary(folder), bundle, True)


def validate_study(study: StudyConfiguration, registry: Callable[[], Registry]) -> StepDone:
    """Run step ``validate``, unless its plan, its signature and its inputs are those of the last time."""
    from model_store.validation.step import run_validation, validate_inputs

    plan = study.plan("validate", ValidatePlan)
    signature, own = _signature(plan.signature, study.output, registry)
    train = study.plans.get("train")
    inputs = validate_inputs(plan, study.output, train.features if train else None)
    folder = study.folder("validate")
    current = fingerprint(plan, inputs.files(), [signature.digest])
    if is_done(folder, current):
        return StepDone(folder, read_summary(folder), None, False)
    mark_begun(folder)
    for part in ("tables", "figures"):
        shutil.rmtree(folder / part, ignore_errors=True)
    summary = run_validation(plan, inputs, signature, folder, own=own)
    mark_done(folder, current)
    return StepDone(folder, summary, None, True)


def write_publication(study: StudyConfiguration) -> tuple[Path, bool]:
    """Write the bundle of step ``publish`` with its card; return its folder, and whether it is to score at once."""
    from model_store.publication.step import publish_study
    from model_store.reporting.step_output import write_summary

    plan = study.plan("publish", PublishPlan)
    bundle = publish_study(plan, study.output)
    signature = load_bundle(bundle)
    write_summary(
        study.folder("publish"),
        {
            "name": signature.name,
            "digest": signature.digest,
            "status": signature.description.status.value,
            "notice": signature.research_notice,
            "activate": plan.activate,
            "card": f"bundle/{bundle.name}/MODEL_CARD.html",
        },
    )
    return bundle, plan.activate


def _signature(reference: str, output: Path, registry: Callable[[], Registry]) -> tuple[Signature, bool]:
    """Return the signature that a plan means, and whether it is the one that this study trained."""
    from model_store.publication.step import candidate_bundle

    if not reference:
        return load_bundle(candidate_bundle(output)), True
    folder = Path(reference)
    return (load_bundle(folder) if folder.is_dir() else registry().verify(reference)), False


def _files(folder: Path) -> list[Path]:
    """Return everything that a step wrote."""
    return [path for path in folder.rglob("*") if path.is_file() and path.name != RECORD and path.name[0] != "."]
