"""The feature profile: everything between pixels and feature vector that changes a number.

A signature owns its profile and the workers obey it: a forest that was trained on one profile must never see features
of another.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field

from model_store.json_records import as_json, record_of
from model_store.signatures.kinetics import Kinetics

FEATURES_PER_REGION = 479
"""14 shape + 5 images x (18 first-order + 75 texture): Han et al., Breast Cancer Research 26:18 (2024)."""

FILTERED_IMAGES = 4
"""Beside the original one."""


class FilterBank(StrEnum):
    """The four filtered images beside the original one."""

    LAPLACIAN_OF_GAUSSIAN = "laplacian_of_gaussian"
    """ITK's, as in pyradiomics: recursive, the response multiplied by sigma squared (in voxels)."""
    IBSI_LAPLACIAN_OF_GAUSSIAN = "ibsi_laplacian_of_gaussian"
    """IBSI 2's: sampled at voxel centres, cut off at 4 sigma, edges mirrored, the response not multiplied. Its grey
    levels are bins of ``bin_width`` divided by sigma squared (in voxels), so that there are as many as with ITK's."""
    WAVELET_2D = "wavelet_2d"


class PhaseRule(StrEnum):
    """The DCE phase to measure where the SEG does not identify one."""

    REFUSE = "refuse"
    FIRST_POST_CONTRAST = "first_post_contrast"


class Normalisation(StrEnum):
    """Which voxels give the mean and the standard deviation of the z-score."""

    WHOLE_IMAGE = "whole_image"
    """All of the phase volume, air included, as in the paper: cropping or padding the images moves every intensity."""
    NEAR_TISSUE = "near_tissue"
    """The tissue around the outline, at a distance in mm: the same voxels whatever else the images show."""


class Exclusion(StrEnum):
    """What is looked for in the images and taken out of the ring, beside air and the segments of the outline."""

    VESSELS = "vessels"
    SKIN = "skin"
    CHEST_WALL = "chest_wall"


@dataclass(frozen=True)
class FeatureProfile:
    """How features are measured. Lengths in mm; intensities in z-scores times ``intensity_scale``.

    The fields from ``normalisation`` on came later: a profile that was written without them has their defaults, which
    are what was done before.
    """

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
    """Resampled voxels; below this number, texture is meaningless."""
    max_tumour_ml: float = 1500.0
    """More than a breast: an outline of something else."""
    min_ring_share: float = 0.5
    """Share of the geometric ring; below this, too much of it is air or other tissue."""
    min_grey_levels: int = 16
    max_grey_levels: int = 128
    """Outside these the report carries a note (pyradiomics documentation, customization, "binWidth")."""
    normalisation: Normalisation = Normalisation.WHOLE_IMAGE
    reach_mm: float = 30.0
    """With `Normalisation.NEAR_TISSUE`, all is measured on the images up to this distance around the outline's box:
    six times the widest Laplacian of Gaussian."""
    reference_from_mm: float = 5.0
    """The reference tissue begins beyond the ring and what a redrawn outline would take in ..."""
    reference_to_mm: float = 20.0
    """... and ends here."""
    dark_share: float = 0.07
    """Of the tumour's median: what is darker is air, and no reference."""
    exclusions: tuple[Exclusion, ...] = ()
    skin_mm: float = 2.0
    """Breast skin is 1.45 mm thick on average, with a standard deviation of 0.30 mm (Huang et al., Medical Physics
    35:1199, 2008)."""
    vessel_length_mm: float = 15.0
    """A shorter tube is no large vessel."""
    kinetics: Annotated[Kinetics | None, Field(exclude_if=lambda found: found is None)] = None
    """Measure the tumour's kinetic features too (`model_store.signatures.kinetics`); None: no other phase is read."""

    def __post_init__(self) -> None:
        """Refuse settings that do not give 479 features, or lengths that are not positive.

        Raises
        ------
        ValueError
            Naming the profile and the field.
        """
        sigmas = self.log_sigmas_mm
        if self.filters is not FilterBank.WAVELET_2D and len(set(sigmas)) != FILTERED_IMAGES:
            raise ValueError(
                f"profile {self.name}: expected {FILTERED_IMAGES} different log_sigmas_mm, because a region has "
                f"{FEATURES_PER_REGION} features, found {list(sigmas)}"
            )
        if len(sigmas) != len(set(sigmas)) or not all(_is_positive(sigma) for sigma in sigmas):
            raise ValueError(f"profile {self.name}: log_sigmas_mm expected positive lengths, found {list(sigmas)}")
        for field in POSITIVE:
            if not _is_positive(getattr(self, field)):
                raise ValueError(f"profile {self.name}: {field} expected a value above 0, found {getattr(self, field)}")
        if not 0 <= self.reference_from_mm < self.reference_to_mm <= self.reach_mm:
            raise ValueError(
                f"profile {self.name}: expected reference_from_mm < reference_to_mm <= reach_mm, found "
                f"{self.reference_from_mm}, {self.reference_to_mm}, {self.reach_mm}"
            )

    @property
    def description(self) -> str:
        """What intensities are compared with, and what is left out of the ring, in a sentence each."""
        if self.normalisation is Normalisation.WHOLE_IMAGE:
            reference = "Intensities are z-scores of the whole phase volume, and move when it is cropped or padded."
        else:
            reference = (
                f"Intensities are z-scores of the tissue {self.reference_from_mm:g} to {self.reference_to_mm:g} mm "
                "around the outline, and do not move with the field of view."
            )
        found = ", ".join(exclusion.replace("_", " ") for exclusion in self.exclusions)
        return f"{reference} The ring leaves out air and other segments{f', and {found} where found' if found else ''}."

    def to_json(self) -> dict[str, Any]:
        """Return the profile as JSON values; `from_json` reads them back."""
        return as_json(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "FeatureProfile":
        """Read a profile back; a former name is read as the present one.

        The fields that came later may be missing all together.

        Raises
        ------
        ValueError
            A field is missing, unknown, or holds what it cannot hold.
        """
        fields = {**value, "name": present_name(str(value.get("name")))}
        if not fields.keys() & set(LATER_FIELDS):
            fields |= {name: as_json(HAN2024)[name] for name in LATER_FIELDS}
        return record_of(cls, fields)


POSITIVE = (
    "intensity_scale",
    "bin_width",
    "spacing_mm",
    "ring_outer_mm",
    "reach_mm",
    "dark_share",
    "skin_mm",
    "vessel_length_mm",
)
LATER_FIELDS = (
    "normalisation",
    "reach_mm",
    "reference_from_mm",
    "reference_to_mm",
    "dark_share",
    "exclusions",
    "skin_mm",
    "vessel_length_mm",
)


def _is_positive(value: float) -> bool:
    return math.isfinite(value) and value > 0


HAN2024 = FeatureProfile(name="han2024-whole-image", filters=FilterBank.LAPLACIAN_OF_GAUSSIAN)
HAN2024_WAVELET2D = FeatureProfile(name="han2024-wavelet2d-whole-image", filters=FilterBank.WAVELET_2D)
NEAR_TISSUE = replace(
    HAN2024, name="han2024-near-tissue", normalisation=Normalisation.NEAR_TISSUE, exclusions=tuple(Exclusion)
)
NEAR_TISSUE_WAVELET2D = replace(NEAR_TISSUE, name="han2024-wavelet2d-near-tissue", filters=FilterBank.WAVELET_2D)
NEAR_TISSUE_IBSI = replace(NEAR_TISSUE, name="ibsi-near-tissue", filters=FilterBank.IBSI_LAPLACIAN_OF_GAUSSIAN)
PROFILES = {
    profile.name: profile
    for profile in (NEAR_TISSUE, NEAR_TISSUE_WAVELET2D, NEAR_TISSUE_IBSI, HAN2024, HAN2024_WAVELET2D)
}
DEFAULT_PROFILE = NEAR_TISSUE
FORMER_NAMES = {"han2024": HAN2024.name, "han2024-wavelet2d": HAN2024_WAVELET2D.name}
"""Of bundles and files of studies that were written when these were the only profiles."""


def present_name(name: str) -> str:
    """Return a profile's present name, where it once had another one."""
    return FORMER_NAMES.get(name, name)
