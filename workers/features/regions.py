"""The two regions that are measured."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Region(StrEnum):
    """A region of a case. The value prefixes its columns in a feature table."""

    TUMOUR = "tumour"
    RING = "ring"


@dataclass(frozen=True)
class RegionMeasurement:
    """The measurements of one region."""

    region: Region
    volume_ml: float
    voxels: int
    grey_levels: int
    """Number of occupied bins of the original image in this region."""
    features: Mapping[str, float]
    """Feature values by pyradiomics name, such as ``log-sigma-2-0-mm-3D_glcm_Contrast``."""
    missing: Mapping[str, str] = field(default_factory=dict)
    """Features that cannot be computed, each with the reason."""
