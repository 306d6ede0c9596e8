"""What a signature has to show before it is published as validated, and loses the notice on its results.

Asked at publication, and again whenever a validated bundle is read: from the scores that the bundle carries, never from
what its description states about them.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from model_store.signatures.signature import Description
from model_store.signatures.validation_record import ValidatedCohort, ValidationRecord

COMPARISONS = {"pseudonyms": "pseudonyms", "pixel_digests": "pixel digests", "features": "features"}
CONTROLS = ("shuffled labels", "shuffled voxels", "same shape elsewhere", "volume alone")
AGREEMENT = 1e-9
"""Of a stated AUC with the one of the scores."""
SHOWN_DIGITS = 12
"""Of a hash."""


@dataclass(frozen=True)
class Requirement:
    """One of the requirements."""

    name: str
    is_met: bool
    found: str
    """What there is, or what is missing."""


def requirements(candidate: Description, record: ValidationRecord) -> tuple[Requirement, ...]:
    """Return every requirement of a validated signature with what was found."""
    declared = candidate.training.get("declared")
    return (
        _declared(declared),
        _protocol(declared, record.protocol_sha256),
        _other_patients(record.cohorts),
        _performance(declared, record.cohorts, candidate.metrics),
        _calibration(record.cohorts),
        _controls(candidate.training.get("negative_controls") or ()),
        _other_sites(candidate),
    )


def _declared(declared: Mapping[str, Any] | None) -> Requirement:
    name = "a bar declared before"
    if declared is None:
        return Requirement(name, False, "train.validation_bar and train.protocol were not set when it was trained")
    said = f"lower limit of the AUC above {declared['validation_bar']:g}, declared on {declared['declared_on']}"
    if declared["after_results"]:
        return Requirement(name, False, f"{said}, after external cohorts had been measured")
    return Requirement(name, True, said)


def _protocol(declared: Mapping[str, Any] | None, digest: str | None) -> Requirement:
    name = "the protocol of that day"
    if declared is None or digest is None:
        return Requirement(name, False, "publish.protocol_file is not set, or no protocol was declared")
    then = str(declared["protocol_sha256"])
    if digest != then:
        return Requirement(
            name, False, f"SHA-256 {digest[:SHOWN_DIGITS]}, but {then[:SHOWN_DIGITS]} when it was declared"
        )
    return Requirement(name, True, f"SHA-256 {digest}")


def _other_patients(cohorts: Mapping[str, ValidatedCohort]) -> Requirement:
    name = "other patients"
    if not cohorts:
        return Requirement(name, False, "no cohort of other patients was validated on; name one in validate.cohorts")
    missing = []
    for cohort, record in cohorts.items():
        compared = record.compared_with_training
        if absent := [words for key, words in COMPARISONS.items() if not compared.get(key)]:
            missing.append(f"{cohort} could not be compared with the training cases by {' and '.join(absent)}")
    if missing:
        return Requirement(name, False, "; ".join(missing))
    return Requirement(name, True, f"{', '.join(cohorts)}: by {', '.join(COMPARISONS.values())}")


def _performance(
    declared: Mapping[str, Any] | None, cohorts: Mapping[str, ValidatedCohort], metrics: Mapping[str, Any]
) -> Requirement:
    name = "external performance"
    if not cohorts or declared is None:
        return Requirement(name, False, "nothing to compare with a bar")
    bar = float(declared["validation_bar"])
    said, met = [], True
    for cohort, record in cohorts.items():
        auc = record.auc
        has_width = auc.low < auc.high  # DeLong's interval of an AUC of 1 has none, which is no certainty
        met &= has_width and auc.low > bar
        limit = f"lower limit {auc.low:.3f}" if has_width else "no interval, because the classes do not overlap"
        said.append(f"{cohort}: AUC {auc.value:.3f}, {limit}")
        if cohort in metrics and not _agree(metrics[cohort]["auc"], asdict(auc)):
            met = False
            said.append(f"{cohort}: the description states AUC {_interval(metrics[cohort]['auc'])}")
    return Requirement(name, met, f"{'; '.join(said)}; the bar is {bar:g}")


def _calibration(cohorts: Mapping[str, ValidatedCohort]) -> Requirement:
    name = "calibration with an interval"
    if not cohorts:
        return Requirement(name, False, "nothing was measured")
    said, met = [], True
    for cohort, record in cohorts.items():
        slope, intercept = record.calibration.slope, record.calibration.intercept
        if slope is None or intercept is None:
            met = False
            said.append(f"{cohort}: cannot be fitted")
            continue
        met &= slope.low > 0
        said.append(f"{cohort}: slope {slope}, intercept {intercept}")
    return Requirement(name, met, f"{'; '.join(said)} (the slope's interval has to lie above 0; 1 and 0 are ideal)")


def _controls(controls: Sequence[Mapping[str, Any]]) -> Requirement:
    name = "negative controls are beaten"
    if not controls:
        return Requirement(name, False, "none were measured")
    failed = [
        f"{one['name']} ({one['note'] or 'AUC ' + _interval(one['auc'])})" for one in controls if not _beaten(one)
    ]
    failed += [f"{name} (not measured)" for name in CONTROLS if name not in {one["name"] for one in controls}]
    if failed:
        return Requirement(name, False, f"not beaten: {'; '.join(failed)}")
    return Requirement(name, True, ", ".join(str(one["name"]) for one in controls))


def _beaten(control: Mapping[str, Any]) -> bool:
    """Whether the interval says so, whatever the flag beside it."""
    return bool(control["beaten"]) and control["difference"] is not None and control["difference"]["low"] > 0


def _other_sites(candidate: Description) -> Requirement:
    name = "sites of the training"
    sites = int(candidate.training.get("sites_known", 0))
    if sites < 2:
        return Requirement(name, True, f"{sites} known: no site can be held out, and external cohorts speak for others")
    found = candidate.metrics.get("leave_one_site_out")
    if found is None:
        return Requirement(name, False, f"{sites} known, but none could be held out and measured")
    auc = found["auc"]
    return Requirement(
        name, auc["low"] > 0.5, f"leave-one-site-out AUC {_interval(auc)}; its interval has to lie above 0.5"
    )


def _agree(one: Mapping[str, float], other: Mapping[str, float]) -> bool:
    return all(math.isclose(one[end], other[end], abs_tol=AGREEMENT) for end in ("value", "low", "high"))


def _interval(estimate: Mapping[str, float]) -> str:
    return f"{estimate['value']:.3f} ({estimate['low']:.3f} to {estimate['high']:.3f})"
