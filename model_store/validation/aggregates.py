"""What a site may return of its cohort in place of patient rows: counts, AUC, calibration and confusion, by group.

A part of the cohort with few cases of a class is withheld, and a confusion matrix with a small cell, so that no patient
can be recognised. Where a single group of a column would be withheld, the next smallest is withheld too: the difference
from the whole would give it away.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace

from model_store.cohort.cohort_record import CohortRecord
from model_store.errors import TrainingError
from model_store.signatures.signature import Signature
from model_store.statistics.calibration import calibration
from model_store.statistics.performance import Confusion, Estimate, Flags, Floats, auc_with_interval, performance
from model_store.validation.cohort_validation import ScoredCohort

FORMAT = 1
SMALLEST_CELL = 5
"""Cases: a count below it is not returned."""
NOT_KNOWN = "not known"
ONE_PATIENT = ("case", "patient", "score", "verdict", "phenotype", "pixel_digest")
"""Columns that are no groups."""


@dataclass(frozen=True)
class Part:
    """The numbers of a cohort or of one of its groups; what is None is withheld, or cannot be fitted."""

    cases: int
    hot: int
    auc: Estimate
    calibration_intercept: Estimate | None
    calibration_slope: Estimate | None
    confusion: Confusion | None = None
    sensitivity: Estimate | None = None
    specificity: Estimate | None = None


@dataclass(frozen=True)
class Group:
    """A part of the cohort whose patients have one value of a column."""

    column: str
    value: str
    part: Part


@dataclass(frozen=True)
class Aggregates:
    """What a site returns."""

    format: int
    site: str
    made_on: str
    """Date, ISO 8601."""
    signature: str
    """Id and version."""
    signature_digest: str
    threshold: float
    smallest_cell: int
    whole: Part
    groups: tuple[Group, ...]
    withheld_groups: Mapping[str, int]
    """By column: how many groups are withheld, with their values."""
    tables: Mapping[str, str]
    """SHA-256 of the tables, which stay at the site: by them it can show what the numbers were computed from."""


def aggregates_of(
    signature: Signature,
    cohort: ScoredCohort,
    record: CohortRecord,
    columns: Sequence[str],
    site: str,
    made_on: str,
    smallest: int = SMALLEST_CELL,
) -> Aggregates:
    """Return the numbers of a scored cohort, and of the groups by each column.

    Raises
    ------
    TrainingError
        The cohort is too small, or lacks a column.
    """
    whole = _part(cohort.hot, cohort.score, cohort.threshold, smallest)
    if whole is None:
        raise TrainingError(
            f"the cohort has {int(cohort.hot.sum())} hot and {int((~cohort.hot).sum())} cold cases; from {smallest} of "
            "each on numbers can be returned without naming a patient"
        )
    by_column = {column: _groups(cohort, column, smallest) for column in columns}
    groups = tuple(
        Group(column, value, part) for column, parts in by_column.items() for value, part in parts.items() if part
    )
    withheld = {column: sum(part is None for part in parts.values()) for column, parts in by_column.items()}
    name = f"{signature.id} {signature.version}"
    return Aggregates(
        format=FORMAT,
        site=site,
        made_on=made_on,
        signature=name,
        signature_digest=signature.digest,
        threshold=cohort.threshold,
        smallest_cell=smallest,
        whole=whole,
        groups=tuple(groups),
        withheld_groups=withheld,
        tables=record.tables,
    )


def _groups(cohort: ScoredCohort, column: str, smallest: int) -> dict[str, Part | None]:
    """Return the groups of a column by value; None where one is withheld."""
    if column not in cohort.cases or column in ONE_PATIENT:
        known = [str(name) for name in cohort.cases.columns if name not in ONE_PATIENT]
        raise TrainingError(f"cannot group by the column {column}; expected one of {', '.join(known)}")
    values = cohort.cases[column].astype("string").fillna(NOT_KNOWN).to_numpy(str)
    parts: dict[str, Part | None] = {}
    for value in sorted(set(values.tolist())):
        mine = values == value
        parts[value] = _part(cohort.hot[mine], cohort.score[mine], cohort.threshold, smallest)
    shown = sorted((part.cases, value) for value, part in parts.items() if part is not None)
    if shown and len(parts) - len(shown) == 1:
        parts[shown[0][1]] = None
    return parts


def _part(hot: Flags, score: Floats, threshold: float, smallest: int) -> Part | None:
    if min(int(hot.sum()), int((~hot).sum())) < max(smallest, 2):
        return None
    fitted, found = calibration(hot, score), performance(hot, score, threshold)
    part = Part(len(hot), int(hot.sum()), auc_with_interval(hot, score), fitted.intercept, fitted.slope)
    if min(asdict(found.confusion).values()) < smallest:
        return part
    return replace(part, confusion=found.confusion, sensitivity=found.sensitivity, specificity=found.specificity)


def contradictions(found: Aggregates, signature: Signature | None = None) -> Iterator[str]:
    """Yield what cannot be: another signature, counts that do not add up, values beyond their limits."""
    if signature is not None and found.signature_digest != signature.digest:
        yield f"they are of {found.signature}, SHA-256 {found.signature_digest[:12]}..., not of {signature.name}"
    elif signature is not None and found.threshold != signature.threshold:
        yield f"the threshold is {found.threshold!r}, that of the signature {signature.threshold!r}"
    named = {"the cohort": found.whole} | {f"{one.column} {one.value}": one.part for one in found.groups}
    for name, part in named.items():
        yield from (f"{name}: {what}" for what in _contradictions_of(part))
    for column in {one.column for one in found.groups}:
        known = [one.part for one in found.groups if one.column == column]
        if sum(part.cases for part in known) > found.whole.cases or sum(part.hot for part in known) > found.whole.hot:
            yield f"the groups of {column} have more cases than the cohort"


def _contradictions_of(part: Part) -> Iterator[str]:
    if not 0 < part.hot < part.cases:
        yield f"{part.hot} of {part.cases} cases are hot"
    for name in ("auc", "sensitivity", "specificity"):
        one: Estimate | None = getattr(part, name)
        if one is not None and not 0 <= one.low <= one.value <= one.high <= 1:
            yield f"{name} {one}"
    if (counts := part.confusion) is None:
        return
    hot, cold = counts.true_positive + counts.false_negative, counts.true_negative + counts.false_positive
    if (hot, hot + cold) != (part.hot, part.cases):
        yield f"the confusion matrix has {hot} hot of {hot + cold} cases, not {part.hot} of {part.cases}"
        return
    for name, right, of in (("sensitivity", counts.true_positive, hot), ("specificity", counts.true_negative, cold)):
        stated: Estimate | None = getattr(part, name)
        if stated is None or abs(stated.value - right / of) > 1e-9:
            yield f"{name} is stated as {stated}, the confusion matrix gives {right / of:.3f}"
