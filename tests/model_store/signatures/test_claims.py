"""A bundle that states to be validated is read only where its content shows it."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model_store.errors import SignatureError
from model_store.signatures.bundle import BundleContent, load_bundle, write_bundle
from model_store.signatures.claims import CONTROLS
from model_store.signatures.signature import Description, SignatureStatus
from model_store.signatures.validation_record import ValidatedCohort, ValidationRecord

PROTOCOL = "ab" * 32
COMPARED = {"pseudonyms": True, "pixel_digests": True, "features": True}


def other_hospital(separation: float = 0.5, compared: Mapping[str, bool] = COMPARED) -> ValidatedCohort:
    """Return 40 hot and 40 cold patients whose scores overlap."""
    rng = np.random.default_rng(1)
    hot = np.arange(80) < 40
    score = np.clip(0.25 + separation * hot + rng.normal(0, 0.2, 80), 0.01, 0.99)
    return ValidatedCohort.of(hot, score, compared)


def control(name: str) -> dict[str, Any]:
    """Return a negative control that was beaten, as training describes it."""
    return {
        "name": name,
        "cases": 80,
        "auc": {"value": 0.5, "low": 0.4, "high": 0.6},
        "difference": {"value": 0.4, "low": 0.2, "high": 0.6},
        "note": "",
        "beaten": True,
    }


def validated(description: Description) -> Description:
    """Return the description of an honestly validated signature."""
    declared = {
        "validation_bar": 0.7,
        "protocol_sha256": PROTOCOL,
        "declared_on": "2026-01-01",
        "after_results": False,
    }
    training = {"declared": declared, "negative_controls": [control(name) for name in CONTROLS]}
    cohort = other_hospital()
    return replace(
        description,
        status=SignatureStatus.VALIDATED,
        research_notice="",
        training={**description.training, **training},
        metrics={**description.metrics, "other": asdict(cohort.auc) | {"auc": asdict(cohort.auc), "cases": 80}},
        validation=ValidationRecord(PROTOCOL, {"other": cohort}),
    )


def forged(content: BundleContent, **changes: object) -> BundleContent:
    """Return a bundle that states to be validated, with changes to the honest description."""
    return replace(content, description=replace(validated(content.description), **changes))  # type: ignore[arg-type]


def test_a_validated_bundle_is_read_back(bundle_content: BundleContent, tmp_path: Path) -> None:
    """With its scores and all requirements it is written and read, and what it carries stays the same."""
    content = forged(bundle_content)
    found = load_bundle(write_bundle(tmp_path, content)).description
    assert found.status is SignatureStatus.VALIDATED
    assert found.validation == content.description.validation


def test_a_status_written_by_hand_is_refused(bundle_content: BundleContent, tmp_path: Path) -> None:
    """Before: any folder with ``"status": "validated"`` and no notice was published, and no report had the notice."""
    claimed = replace(bundle_content.description, status=SignatureStatus.VALIDATED, research_notice="")
    with pytest.raises(SignatureError, match="states that the signature is validated, and what it carries") as refused:
        write_bundle(tmp_path, replace(bundle_content, description=claimed))
    for requirement in ("a bar declared before", "other patients", "external performance", "negative controls"):
        assert requirement in str(refused.value)
    assert not list(tmp_path.iterdir())


def with_training(content: BundleContent, **changes: object) -> BundleContent:
    """Change what the description states of the training."""
    return forged(content, training={**validated(content.description).training, **changes})


def with_cohort(content: BundleContent, cohort: ValidatedCohort) -> BundleContent:
    """Put other scores under the same stated AUC."""
    return forged(content, validation=ValidationRecord(PROTOCOL, {"other": cohort}))


def test_stated_numbers_do_not_help(bundle_content: BundleContent, tmp_path: Path) -> None:
    """Scores below the bar, another AUC than that of the scores, a flag against its interval: each is named."""
    chance = [control(name) | {"difference": {"value": 0.0, "low": -0.1, "high": 0.1}} for name in CONTROLS]
    partly = {**COMPARED, "pixel_digests": False}
    changed = {
        "external performance: other: AUC 0.": with_cohort(bundle_content, other_hospital(0.05)),
        "the description states AUC": with_cohort(bundle_content, other_hospital(0.6)),
        "by pixel digests": with_cohort(bundle_content, other_hospital(compared=partly)),
        "not beaten: shuffled labels": with_training(bundle_content, negative_controls=chance),
        "volume alone \\(not measured\\)": with_training(
            bundle_content, negative_controls=[control(name) for name in CONTROLS[:3]]
        ),
        "the protocol of that day": forged(
            bundle_content, validation=ValidationRecord("cd" * 32, {"other": other_hospital()})
        ),
        "cannot be read: KeyError": with_training(bundle_content, declared={"validation_bar": 0.7}),
    }
    for expected, content in changed.items():
        with pytest.raises(SignatureError, match=expected):
            write_bundle(tmp_path, content)
