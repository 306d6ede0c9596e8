"""Whether measured features are of the kind that the signature was trained on."""

from dataclasses import replace

import pytest

from model_store.signatures.acceptance import AcceptanceContract, Criterion
from model_store.signatures.bundle import load_bundle
from model_store.signatures.signature import Signature
from support.former_signatures import SHIPPED_AS_FORMAT_2
from workers.acceptance import DEFAULT, Acceptance
from workers.errors import Reason, RejectedInput
from workers.features.regions import Region, RegionMeasurement
from workers.notes import Severity
from workers.scoring.applicability import feature_objections, out_of_range_notes


@pytest.fixture(scope="module")
def signature() -> Signature:
    """Return a signature with 16 columns and the default contract."""
    return load_bundle(SHIPPED_AS_FORMAT_2)


def regions(signature: Signature, outside: int) -> list[RegionMeasurement]:
    """Return median features, so many of them just beyond the largest of training, the others at it or inside."""
    ranges = {name: signature.ranges[name] for name in signature.columns}
    values = {name: span.maximum if at == outside else span.median for at, (name, span) in enumerate(ranges.items())}
    for name in signature.columns[:outside]:
        values[name] = ranges[name].maximum + abs(ranges[name].maximum) * 1e-6
    return [
        RegionMeasurement(
            region,
            volume_ml=1.0,
            voxels=1000,
            grey_levels=40,
            features={name.split("_", 1)[1]: v for name, v in values.items() if name.startswith(f"{region}_")},
        )
        for region in Region
    ]


@pytest.mark.parametrize(("outside", "is_refused"), [(0, False), (1, False), (4, False), (5, True), (16, True)])
def test_a_quarter_of_the_features_may_lie_outside_the_training_range(
    signature: Signature, outside: int, is_refused: bool
) -> None:
    """4 of 16 features give a note, 5 a refusal that names the first ones; the largest of training is inside."""
    found = regions(signature, outside)
    notes = out_of_range_notes(signature, found, "")
    if not is_refused:
        assert DEFAULT.judge(feature_objections(signature, found, "")) == ()
        assert len(notes) == min(outside, 1)
        assert all(note.text.startswith(f"{outside} of 16") and signature.columns[0] in note.text for note in notes)
        return
    assert notes == ()
    with pytest.raises(RejectedInput, match=f"{outside} of 16.*{signature.columns[0]}") as refused:
        DEFAULT.judge(feature_objections(signature, found, ""))
    assert refused.value.reason is Reason.FEATURES_OUT_OF_RANGE


def test_the_signature_owns_the_limit(signature: Signature) -> None:
    """A contract with another share refuses at that share."""
    strict = replace(
        signature, description=replace(signature.description, acceptance=AcceptanceContract(max_outside_share=0.0))
    )
    [objection] = feature_objections(strict, regions(strict, 1), "")
    assert objection.criterion is Criterion.FEATURE_RANGE


def test_a_site_can_have_it_noted(signature: Signature) -> None:
    """With the criterion set to note, the case is scored with a warning."""
    acceptance = Acceptance(noted=frozenset({Criterion.FEATURE_RANGE}))
    [note] = acceptance.judge(feature_objections(signature, regions(signature, 9), ""))
    assert note.severity is Severity.WARNING
    assert "9 of 16" in note.text
