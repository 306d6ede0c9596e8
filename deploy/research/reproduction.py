"""Repeats the figures that a bundle states: those of its training, or of a cohort that it was validated on."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from deploy.errors import CommandError
from model_store.cohort.cohort_record import CohortRecord, table_digests
from model_store.cohort.labelled_cohort import labelled_cohort, read_table
from model_store.cohort.labels import read_labels
from model_store.cohort.own_table import patients_as_cases, read_own, with_own
from model_store.cohort.patient_table import PatientTable
from model_store.cohort.plan import LabelTable
from model_store.computing.progress import Begin, Mapped
from model_store.signatures.bundle import load_bundle
from model_store.signatures.signature import Signature
from model_store.training.reproduction import Figure, Reproduction, read_reproduction, repeated_training
from model_store.training.step import TrainInputs
from model_store.validation.cohort_validation import ScoredCohort, cohort_numbers, scored_cohort

TRAINING = "training"


@dataclass(frozen=True)
class Tables:
    """The tables of a cohort."""

    features: Path | None
    labels: Path
    own: Path | None = None

    def digests(self) -> dict[str, str]:
        """Return their hashes, by what they are."""
        return table_digests(vars(self))


@dataclass(frozen=True)
class Reproduced:
    """The figures of a bundle beside their repetition."""

    cohort: str
    """`TRAINING`, the name of a validated cohort, or empty: a cohort that the bundle does not know."""
    tables: dict[str, bool]
    """Whether each table is the same file."""
    figures: tuple[Figure, ...]

    @property
    def differing(self) -> tuple[Figure, ...]:
        """The figures that are not equal; of an unknown cohort there are none to compare with."""
        return tuple(one for one in self.figures if not one.is_equal) if self.cohort else ()


def reproduce(folder: Path, tables: Tables, cohort: str, mapped: Mapped, begin: Begin) -> Reproduced:
    """Repeat the figures of a bundle from tables. Without ``cohort``, hashes tell which cohort it is.

    Raises
    ------
    SignatureError
        The bundle fails a check, carries no `Reproduction`, or the tables cannot be used.
    CommandError
        It does not know this cohort.
    """
    signature, record = load_bundle(folder), read_reproduction(folder)
    given = tables.digests()
    known: Mapping[str, Mapping[str, str]] = {
        TRAINING: record.tables,
        **{name: one.tables for name, one in record.cohorts.items()},
    }
    found = cohort or next((name for name, hashes in known.items() if _same(hashes, given)), "")
    if found and found not in known:
        raise CommandError(f"the bundle does not know the cohort {found}; it knows {', '.join(known)}")
    same = {name: given.get(name) == digest for name, digest in known[found].items()} if found else {}
    if found == TRAINING:
        return Reproduced(
            found, same, tuple(repeated_training(record, signature, _inputs(record, tables), mapped, begin))
        )
    stated = signature.description.metrics.get(found, {}) if found else {}
    repeated = cohort_numbers(scored_tables(signature, tables, record.cohorts.get(found)))
    return Reproduced(found, same, tuple(_figures(stated or _COMPARED, repeated, known=bool(found))))


def scored_tables(signature: Signature, tables: Tables, record: CohortRecord | None = None) -> ScoredCohort:
    """Return the scored cases of a cohort; ``record`` says how its labels are worded."""
    words = record.labels if record else LabelTable(tables.labels)
    own = None
    if signature.own_columns:
        if tables.own is None:
            names = ", ".join(one.column for one in signature.own_columns)
            raise CommandError(f"the signature takes {names}", "name the table that has them with --own")
        own = read_own(PatientTable(tables.own), signature.own_columns)
    if tables.features is not None:
        features = read_table(tables.features, ("patient",))
        features = features if own is None else with_own(features, own)
    elif own is not None:
        features = patients_as_cases(own, signature.profile.name)
    else:
        raise CommandError("the signature takes features of images", "name their table with --features")
    cohort = labelled_cohort(features, read_labels(replace(words, table=tables.labels)))
    return scored_cohort("the cohort", signature, cohort, as_measured=bool(record and record.as_measured))


_COMPARED: dict[str, Any] = dict.fromkeys(
    ("cases", "hot", "auc", "sensitivity", "specificity", "ppv", "npv", "accuracy", "confusion", "calibration")
)
"""The numbers of a cohort that a bundle states."""


def _inputs(record: Reproduction, tables: Tables) -> TrainInputs:
    plan = record.plan
    if (plan.without_images and tables.own is None) or (not plan.without_images and tables.features is None):
        missing = "--own" if plan.without_images else "--features"
        raise CommandError("a table that the signature was trained on is missing", f"name it with {missing}")
    if plan.own is not None and tables.own is None:
        raise CommandError("the signature was trained on own columns too", "name their table with --own")
    assert plan.labels is not None  # noqa: S101  # as it is written
    return TrainInputs(
        features=None if plan.without_images else tables.features,
        labels=replace(plan.labels, table=tables.labels),
        own=replace(plan.own, table=tables.own) if plan.own and tables.own else None,
        reliability=None,
        preselected=None,
        preselected_on=None,
        leave_out_on=None,
        protocol=None,
        own_profile=None,
        controls={},
    )


def _same(hashes: Mapping[str, str], given: Mapping[str, str]) -> bool:
    """Return whether the measured cases are those of a known cohort: by features, or where there are none by own."""
    name = "features" if "features" in hashes else "own"
    return name in hashes and hashes[name] == given.get(name)


def _figures(stated: Mapping[str, Any], repeated: Mapping[str, Any], *, known: bool) -> Iterator[Figure]:
    wanted = {name: repeated[name] for name in stated if name in repeated}
    said, found = dict(_flat(stated)) if known else {}, dict(_flat(wanted))
    for name in dict.fromkeys([*said, *found]):
        yield Figure(name, said.get(name), found.get(name))


def _flat(numbers: Mapping[str, Any], at: str = "") -> Iterator[tuple[str, float | str | None]]:
    for name, value in numbers.items():
        words = f"{at}{name.replace('_', ' ')}"
        if isinstance(value, Mapping):
            yield from _flat(value, f"{words}, ")
        elif value is None or isinstance(value, int | float | str):
            yield words, value
