"""What a case came to: the value between the computing and the writing of reports."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from workers.errors import Reason
from workers.regions import Region


@dataclass(frozen=True)
class SignatureIdentity:
    """Which signature scored the case."""

    id: str
    version: str
    digest: str
    """SHA-256 of the bundle, hexadecimal."""
    profile: str
    """Name of the feature profile."""
    intended_use: str
    research_notice: str
    """The notice that every result carries, such as RESEARCH - simulated training data - not for clinical use."""


@dataclass(frozen=True)
class Contribution:
    """How far one feature moved the score away from the signature's mean."""

    column: str
    """Region and feature, such as ``ring_original_glcm_Contrast``."""
    value: float
    effect: float
    """Difference of the hot probability; the effects of all features and the mean add up to the score."""


@dataclass(frozen=True)
class Score:
    """The verdict."""

    hot_probability: float
    threshold: float
    mean_probability: float
    """The score of an average training case: the point that the contributions start from."""
    contributions: tuple[Contribution, ...]
    """All features that the forest used, the strongest effect first."""

    @property
    def is_hot(self) -> bool:
        """Whether the score reaches the signature's threshold."""
        return self.hot_probability >= self.threshold


@dataclass(frozen=True)
class RegionMeasurement:
    """What was measured in one region."""

    region: Region
    volume_ml: float
    voxels: int
    grey_levels: int
    """Occupied bins of the original image in this region."""
    features: Mapping[str, float]
    """By pyradiomics name, such as ``log-sigma-2-0-mm-3D_glcm_Contrast``."""
    missing: Mapping[str, str] = field(default_factory=dict)
    """Features that cannot be computed, each with why."""


@dataclass(frozen=True)
class Rejection:
    """Why the case is not scored."""

    reason: Reason
    message: str


@dataclass(frozen=True)
class CaseResult:
    """Either a score or a rejection; regions as far as they were measured."""

    score: Score | None
    rejection: Rejection | None
    regions: tuple[RegionMeasurement, ...] = ()
    notes: tuple[str, ...] = ()
    """Quality notes for the reader of the report."""
    signature: SignatureIdentity | None = None
