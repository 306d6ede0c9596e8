"""Feature profiles: read back as they were written, refused where they do not give the paper's features."""

from dataclasses import replace
from typing import Any

import pytest

from model_store.signatures.profile import HAN2024, HAN2024_WAVELET2D, PROFILES, FeatureProfile


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
    with pytest.raises(ValueError, match=rf"profile han2024: .*{field}"):
        FeatureProfile.from_json(HAN2024.to_json() | {field: value})


def test_wavelets_have_no_sigmas() -> None:
    """Their four images come from the two directions of a slice."""
    assert replace(HAN2024_WAVELET2D, log_sigmas_mm=()).log_sigmas_mm == ()
