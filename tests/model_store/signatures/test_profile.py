"""Feature profiles: read back as they were written, refused where they do not give the paper's features."""

from dataclasses import replace
from typing import Any

import pytest

from model_store.signatures.profile import (
    DEFAULT_PROFILE,
    HAN2024,
    HAN2024_WAVELET2D,
    PROFILES,
    FeatureProfile,
    Normalisation,
)


@pytest.mark.parametrize("profile", PROFILES.values(), ids=lambda profile: profile.name)
def test_profiles_are_read_back(profile: FeatureProfile) -> None:
    """What was written as JSON is the same profile again."""
    assert FeatureProfile.from_json(profile.to_json()) == profile


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("log_sigmas_mm", [2.0, 3.0, 4.0]),
        ("log_sigmas_mm", [2.0, 3.0, 4.0, 5.0, 6.0]),
        ("log_sigmas_mm", [2.0, 3.0, 4.0, 4.0]),
        ("log_sigmas_mm", [2.0, 3.0, 4.0, 4.0, 5.0]),
        ("log_sigmas_mm", [0.0, 3.0, 4.0, 5.0]),
        ("bin_width", 0.0),
        ("spacing_mm", float("nan")),
        ("ring_outer_mm", -2.0),
    ],
)
def test_a_profile_that_cannot_be_measured_is_refused_when_it_is_read(field: str, value: Any) -> None:
    """Other than 479 features of a region, or no numbers at all: the message names profile and field."""
    with pytest.raises(ValueError, match=rf"profile {HAN2024.name}: .*{field}"):
        FeatureProfile.from_json(HAN2024.to_json() | {field: value})


def test_wavelets_have_no_sigmas() -> None:
    """Their four images come from the two directions of a slice."""
    assert replace(HAN2024_WAVELET2D, log_sigmas_mm=()).log_sigmas_mm == ()


def test_a_profile_of_an_old_bundle_is_read_as_what_it_did() -> None:
    """Written under its former name, without the later fields: whole-image z-scores, and nothing is looked for."""
    later = ("normalisation", "reach_mm", "reference_from_mm", "reference_to_mm", "dark_share", "exclusions")
    old = HAN2024.to_json() | {"name": "han2024"}
    old = {name: value for name, value in old.items() if name not in (*later, "skin_mm", "vessel_length_mm")}
    found = FeatureProfile.from_json(old)
    assert found == HAN2024
    assert found.normalisation is Normalisation.WHOLE_IMAGE
    assert found.exclusions == ()
    assert "z-scores of the whole phase volume" in found.description


def test_a_profile_that_lacks_some_of_the_later_fields_is_refused() -> None:
    """It was not written by an older version, so that nothing says what it means."""
    some = {name: value for name, value in DEFAULT_PROFILE.to_json().items() if name != "reference_to_mm"}
    with pytest.raises(ValueError, match="reference_to_mm"):
        FeatureProfile.from_json(some)


@pytest.mark.parametrize(("from_mm", "to_mm"), [(20.0, 5.0), (5.0, 31.0), (-1.0, 20.0)])
def test_the_reference_tissue_lies_within_reach(from_mm: float, to_mm: float) -> None:
    """From a smaller to a larger distance, and not beyond what is measured on."""
    with pytest.raises(ValueError, match="reference_from_mm < reference_to_mm <= reach_mm"):
        replace(DEFAULT_PROFILE, reference_from_mm=from_mm, reference_to_mm=to_mm)
