"""The feature profile: everything between pixels and feature vector that changes a number.

A signature owns its profile and the workers obey it: a forest that was trained on one profile must never see features
of another.
"""

import math
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

FEATURES_PER_REGION = 479
"""14 shape + 5 images x (18 first-order + 75 texture): Han et al., Breast Cancer Research 26:18 (2024)."""

FILTERED_IMAGES = 4
"""Beside the original one."""


class FilterBank(StrEnum):
    """The four filtered images beside the original one."""

    LAPLACIAN_OF_GAUSSIAN = "laplacian_of_gaussian"
    WAVELET_2D = "wavelet_2d"


class PhaseRule(StrEnum):
    """Which DCE phase is measured where the SEG does not say."""

    REFUSE = "refuse"
    FIRST_POST_CONTRAST = "first_post_contrast"


@dataclass(frozen=True)
class FeatureProfile:
    """How features are measured. Lengths in mm; intensities in z-scores times ``intensity_scale``."""

    name: str
    filters: FilterBank
    log_sigmas_mm: tuple[float, ...] = (2.0, 3.0, 4.0, 5.0)
    wavelet: str = "coif1"
    phase_rule: PhaseRule = PhaseRule.FIRST_POST_CONTRAST
    """Chooses the images, not how they are measured: two profiles that differ in it alone give the same features."""
    intensity_scale: float = 100.0
    bin_width: float = 25.0
    spacing_mm: float = 1.0
    ring_inner_mm: float = 2.0
    ring_outer_mm: float = 2.0
    air_sigmas: float = 5.0
    """What is brighter than the air peak of the smoothed volume by this many of its standard deviations is body."""
    min_tumour_voxels: int = 100
    """Of resampled voxels: below this, texture says nothing."""
    max_tumour_ml: float = 1500.0
    """More than a breast: an outline of something else."""
    min_ring_share: float = 0.5
    """Of the geometric ring: below this, too much of it lies in air or other tissue."""
    min_grey_levels: int = 16
    max_grey_levels: int = 128
    """Outside these the report carries a note (pyradiomics documentation, customization, "binWidth")."""

    def __post_init__(self) -> None:
        """Refuse what does not give 479 features, or no numbers at all.

        Raises
        ------
        ValueError
            Naming the profile and the field.
        """
        sigmas = self.log_sigmas_mm
        if self.filters is FilterBank.LAPLACIAN_OF_GAUSSIAN and len(set(sigmas)) != FILTERED_IMAGES:
            raise ValueError(
                f"profile {self.name}: expected {FILTERED_IMAGES} different log_sigmas_mm, because a region has "
                f"{FEATURES_PER_REGION} features, found {list(sigmas)}"
            )
        if len(sigmas) != len(set(sigmas)) or not all(_is_positive(sigma) for sigma in sigmas):
            raise ValueError(f"profile {self.name}: log_sigmas_mm expected positive lengths, found {list(sigmas)}")
        for field in ("intensity_scale", "bin_width", "spacing_mm", "ring_outer_mm"):
            if not _is_positive(getattr(self, field)):
                raise ValueError(f"profile {self.name}: {field} expected a value above 0, found {getattr(self, field)}")

    def to_json(self) -> dict[str, Any]:
        """Return the profile as JSON-ready values; `from_json` reads them back."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "FeatureProfile":
        """Read a profile back; unknown and missing fields are errors, because each changes a number."""
        fields = dict(value)
        fields["filters"] = FilterBank(fields["filters"])
        fields["phase_rule"] = PhaseRule(fields["phase_rule"])
        fields["log_sigmas_mm"] = tuple(fields["log_sigmas_mm"])
        profile = cls(**fields)
        if set(fields) != set(asdict(profile)):
            raise ValueError(
                f"profile {profile.name}: fields are missing: {sorted(set(asdict(profile)) - set(fields))}"
            )
        return profile


def _is_positive(value: float) -> bool:
    return math.isfinite(value) and value > 0


HAN2024 = FeatureProfile(name="han2024", filters=FilterBank.LAPLACIAN_OF_GAUSSIAN)
HAN2024_WAVELET2D = FeatureProfile(name="han2024-wavelet2d", filters=FilterBank.WAVELET_2D)
PROFILES = {profile.name: profile for profile in (HAN2024, HAN2024_WAVELET2D)}
