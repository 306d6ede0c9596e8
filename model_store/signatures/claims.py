"""What a signature has to show before it is published as validated, and loses the notice on its results."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from model_store.files import sha256_of_file
from model_store.reporting.document import Block, Section
from model_store.signatures.signature import Description

COMPARISONS = {"pseudonyms": "pseudonyms", "pixel_digests": "pixel digests", "features": "features"}
SHOWN_DIGITS = 12
"""Of a hash."""


@dataclass(frozen=True)
class Requirement:
    """One of the requirements."""

    name: str
    is_met: bool
    found: str
    """What there is, or what is missing."""


def requirements(
    candidate: Description, cohorts: Mapping[str, Any], protocol_file: Path | None
) -> tuple[Requirement, ...]:
    """Return every requirement of a validated signature with what was found; ``cohorts`` are the external ones."""
    declared = candidate.training.get("declared")
    return (
        _declared(declared),
        _protocol(declared, protocol_file),
        _other_patients(cohorts),
        _performance(declared, cohorts),
        _calibration(cohorts),
        _controls(candidate.training.get("negative_controls") or ()),
        _other_sites(candidate),
    )


def requirements_section(found: Sequence[Requirement]) -> Section:
    """Return the section of the card."""
    met = sum(one.is_met for one in found)
    text = (
        f"{met} of {len(found)} are met. A signature without all of them carries its research notice on every result."
    )
    rows = [(one.name, "yes" if one.is_met else "no", one.found) for one in found]
    return Section(
        "Requirements of a validated signature",
        (Block(text=text), Block(rows=(("requirement", "met", "found"), *rows))),
    )


def _declared(declared: Mapping[str, Any] | None) -> Requirement:
    name = "a bar declared before"
    if declared is None:
        return Requirement(name, False, "train.validation_bar and train.protocol were not set when it was trained")
    said = f"lower limit of the AUC above {declared['validation_bar']:g}, declared on {declared['declared_on']}"
    if declared["after_results"]:
        return Requirement(name, False, f"{said}, after external cohorts had been measured")
    return Requirement(name, True, said)


def _protocol(declared: Mapping[str, Any] | None, file: Path | None) -> Requirement:
    name = "the protocol of that day"
    if declared is None or file is None or not file.is_file():
        return Requirement(name, False, "publish.protocol_file is not set, or no protocol was declared")
    digest, then = sha256_of_file(file), str(declared["protocol_sha256"])
    if digest != then:
        return Requirement(
            name, False, f"SHA-256 {digest[:SHOWN_DIGITS]}, but {then[:SHOWN_DIGITS]} when it was declared"
        )
    return Requirement(name, True, f"SHA-256 {digest}")


def _other_patients(cohorts: Mapping[str, Any]) -> Requirement:
    name = "other patients"
    if not cohorts:
        return Requirement(name, False, "no cohort of other patients was validated on; name one in validate.cohorts")
    missing = []
    for cohort, numbers in cohorts.items():
        compared = numbers.get("compared_with_training", {})
        if absent := [words for key, words in COMPARISONS.items() if not compared.get(key)]:
            missing.append(f"{cohort} could not be compared with the training cases by {' and '.join(absent)}")
    if missing:
        return Requirement(name, False, "; ".join(missing))
    return Requirement(name, True, f"{', '.join(cohorts)}: by {', '.join(COMPARISONS.values())}")


def _performance(declared: Mapping[str, Any] | None, cohorts: Mapping[str, Any]) -> Requirement:
    name = "external performance"
    if not cohorts or declared is None:
        return Requirement(name, False, "nothing to compare with a bar")
    bar = float(declared["validation_bar"])
    said, met = [], True
    for cohort, numbers in cohorts.items():
        auc = numbers["auc"]
        has_width = auc["low"] < auc["high"]  # DeLong's interval of an AUC of 1 has none, which is no certainty
        met &= has_width and auc["low"] > bar
        limit = f"lower limit {auc['low']:.3f}" if has_width else "no interval, because the classes do not overlap"
        said.append(f"{cohort}: AUC {auc['value']:.3f}, {limit}")
    return Requirement(name, met, f"{'; '.join(said)}; the bar is {bar:g}")


def _calibration(cohorts: Mapping[str, Any]) -> Requirement:
    name = "calibration with an interval"
    if not cohorts:
        return Requirement(name, False, "nothing was measured")
    said, met = [], True
    for cohort, numbers in cohorts.items():
        slope, intercept = (numbers["calibration"][part] for part in ("slope", "intercept"))
        if slope is None or intercept is None:
            met = False
            said.append(f"{cohort}: cannot be fitted")
            continue
        met &= slope["low"] > 0
        said.append(f"{cohort}: slope {_interval(slope)}, intercept {_interval(intercept)}")
    return Requirement(name, met, f"{'; '.join(said)} (the slope's interval has to lie above 0; 1 and 0 are ideal)")


def _controls(controls: Sequence[Mapping[str, Any]]) -> Requirement:
    name = "negative controls are beaten"
    if not controls:
        return Requirement(name, False, "none were measured")
    failed = [
        f"{one['name']} ({one['note'] or 'AUC ' + _interval(one['auc'])})" for one in controls if not one["beaten"]
    ]
    if failed:
        return Requirement(name, False, f"not beaten: {'; '.join(failed)}")
    return Requirement(name, True, ", ".join(str(one["name"]) for one in controls))


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


def _interval(estimate: Mapping[str, float]) -> str:
    return f"{estimate['value']:.3f} ({estimate['low']:.3f} to {estimate['high']:.3f})"
