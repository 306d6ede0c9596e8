"""What a bundle carries so that its own figures can be repeated, and the repetition.

``reproduction.json`` in the bundle holds the plan of the training without its paths, the SHA-256 of each table, the
offered columns, a hash of the folds, and the figures that ``signature.json`` does not have. With the tables, the same
program repeats the training and compares figure by figure. No patient is in it.
"""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np

from model_store.cohort.cohort_record import CohortRecord, table_digests, without_path
from model_store.cohort.labelled_cohort import labelled_cohort
from model_store.cohort.labels import read_labels
from model_store.cohort.missing_values import complete_table
from model_store.cohort.plan import LabelTable
from model_store.computing.progress import Begin, Mapped, untold
from model_store.errors import SignatureError, TrainingError
from model_store.files import readable_json, sha256_of
from model_store.json_records import as_json, record_of
from model_store.signatures.bundle import REPRODUCTION
from model_store.signatures.certainty import ThresholdInterval
from model_store.signatures.estimator import to_skops
from model_store.signatures.signature import Signature
from model_store.statistics.calibration import calibration
from model_store.training.combat import with_scanners
from model_store.training.forest import FOLDS, Trained, train
from model_store.training.model_families import words
from model_store.training.nested_cross_validation import MEASURES, Nested, nested_cross_validation
from model_store.training.plan import TrainPlan
from model_store.training.step import Training, TrainInputs, families_of, forests_of, offered_table

EQUAL_WITHIN = 1e-9
"""Of two figures: another order of additions differs by less."""


@dataclass(frozen=True)
class Reproduction:
    """The content of `REPRODUCTION`."""

    plan: TrainPlan
    """Without paths, processes and what else changes no figure."""
    tables: Mapping[str, str]
    """SHA-256 of the files that were trained on, by what they are."""
    offered: tuple[str, ...]
    """Columns that the folds were offered."""
    figures: Mapping[str, int | float | str]
    """Of `figures_of`."""
    cohorts: Mapping[str, CohortRecord] = field(default_factory=dict)
    """Of each labelled cohort that the published signature was validated on."""


@dataclass(frozen=True)
class Figure:
    """A figure of the bundle beside its repetition."""

    name: str
    stated: float | str | None
    """None where the bundle does not state it."""
    repeated: float | str | None

    @property
    def is_equal(self) -> bool:
        """Whether both are the same, numbers within `EQUAL_WITHIN`."""
        if isinstance(self.stated, str) or isinstance(self.repeated, str) or None in (self.stated, self.repeated):
            return self.stated == self.repeated
        assert self.stated is not None  # noqa: S101  # for the type checker
        assert self.repeated is not None  # noqa: S101
        return math.isclose(self.stated, self.repeated, rel_tol=0, abs_tol=EQUAL_WITHIN)


def reproduction_of(plan: TrainPlan, inputs: TrainInputs, training: Training) -> bytes:
    """Return the file that lets a training be repeated."""
    table = training.cohort.table
    record = Reproduction(
        plan=_without_paths(plan),
        tables=digests(inputs),
        offered=tuple(training.offered.of(training.whole).columns),
        figures=figures_of(training.trained, training.forest, table.hot, table.patients),
    )
    return readable_json(as_json(record))


def read_reproduction(folder: Path) -> Reproduction:
    """Read what a bundle carries.

    Raises
    ------
    SignatureError
        It carries nothing, or what another version of this program wrote.
    """
    path = folder / REPRODUCTION
    if not path.is_file():
        raise SignatureError(
            f"{folder.name} carries no {REPRODUCTION}: it was trained by an earlier version; train again"
        )
    try:
        return record_of(Reproduction, json.loads(path.read_bytes()))
    except ValueError as error:
        raise SignatureError(f"{folder.name}: {REPRODUCTION} is of another version of this program: {error}") from error


def digests(inputs: TrainInputs) -> dict[str, str]:
    """Return the SHA-256 of each table that decides the figures."""
    own = inputs.own.table if inputs.own else None
    return table_digests({"features": inputs.features, "labels": inputs.labels.table, "own": own})


def figures_of(
    trained: Trained, nested: Nested, hot: "np.typing.NDArray[np.bool_]", patients: Sequence[str]
) -> dict[str, float | str]:
    """Return the figures of a training by name: cases, folds, forest, threshold, performance and calibration."""
    thresholds = ThresholdInterval.of([one.threshold for one in nested.folds])
    found: dict[str, float | str] = {
        "cases": len(hot),
        "patients": len(set(patients)),
        "hot cases": int(hot.sum()),
        "folds": _folds_digest(nested),
        "forest": sha256_of(to_skops(trained.estimator)),
        "settings": words(trained.chosen),
        "columns": ", ".join(trained.columns),
        "threshold, lowest of the folds": thresholds.low,
        "threshold, highest of the folds": thresholds.high,
        "hot is possible from": trained.certainty.hot_from,
        "cold is possible up to": trained.certainty.cold_to,
    }
    fitted = calibration(hot, nested.out_of_fold(len(hot)))
    for name, one in (("calibration intercept", fitted.intercept), ("calibration slope", fitted.slope)):
        if one is not None:
            found |= _estimate(name, asdict(one))
    return {name: value for name, value in found.items() if isinstance(value, str) or math.isfinite(value)}


def repeated_training(
    record: Reproduction, signature: Signature, inputs: TrainInputs, mapped: Mapped = map, begin: Begin = untold
) -> list[Figure]:
    """Repeat a training and return each figure beside its repetition.

    Raises
    ------
    TrainingError
        The tables cannot be read, or lack a column.
    """
    plan = record.plan
    features = offered_table(plan, signature.profile.name, inputs)
    cohort = labelled_cohort(features, read_labels(inputs.labels))
    cohort = with_scanners(cohort) if plan.harmonise else cohort
    table = cohort.table
    if lacking := set(record.offered) - set(table.columns):
        raise TrainingError(f"the tables have no column {min(lacking)} ({len(lacking)} are missing)")
    complete = complete_table(table.without(set(table.columns) - set(record.offered)))
    family = families_of(plan)[0]
    trained = train(complete.table, plan.seed, forests_of(family))
    usable = complete.table.without(name for names in trained.left_out.values() for name in names)
    on_fold = begin("evaluating folds", plan.repeats * FOLDS)
    (nested,) = nested_cross_validation(usable, [family], plan.repeats, plan.seed, mapped, on_fold)
    repeated = figures_of(trained, nested, complete.table.hot, complete.table.patients)
    names = dict.fromkeys([*record.figures, *repeated])
    return [
        *(Figure(name, record.figures.get(name), repeated.get(name)) for name in names),
        Figure("threshold", signature.threshold, trained.threshold),
        *_performance(signature, nested),
    ]


def _performance(signature: Signature, nested: Nested) -> list[Figure]:
    """Return the performance as the description and the card state it."""
    metrics = signature.description.metrics.get("nested_cross_validation", {})
    return [
        Figure(f"{measure}, {end}", metrics.get(measure, {}).get(end), value)
        for measure in MEASURES
        for end, value in asdict(nested.estimate(measure)).items()
    ]


def _estimate(name: str, estimate: Mapping[str, float]) -> dict[str, float | str]:
    return {f"{name}, {end}": value for end, value in estimate.items()}


def _folds_digest(nested: Nested) -> str:
    """Return a hash of which rows each fold holds out."""
    said = [(one.fold.repeat, one.fold.number, one.fold.held_out.tolist()) for one in nested.folds]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()


def _without_paths(plan: TrainPlan) -> TrainPlan:
    """Return the plan with what changes a figure; words of the tables of labels and own columns stay."""
    nowhere = Path()
    return replace(
        plan,
        features=None,
        labels=without_path(plan.labels or LabelTable(nowhere)),
        own=None if plan.own is None else replace(plan.own, table=nowhere),
        own_profile=None,
        reliability=None,
        preselected=None,
        preselected_on=None,
        leave_out_on=None,
        validation_bar=None,
        protocol=None,
        alternatives=False,
        jobs=0,
        scheduler="",
    )
