"""What a case came to: the value between the computing and the writing of reports."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from workers.errors import Reason
from workers.features.regions import RegionMeasurement


class ResultOutcome(StrEnum):
    """What a job came to."""

    SCORED = "scored"
    NOT_SCORED = "not_scored"
    """For a reason that its report says."""
    UNCHANGED = "unchanged"
    """The same as the result that it would replace: nothing new is sent."""


class Phenotype(StrEnum):
    """The class of a scored case."""

    HOT = "hot"
    """Immune-inflamed."""
    COLD = "cold"
    """Immune-desert."""


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

    @property
    def phenotype(self) -> Phenotype:
        """The class of the case."""
        return Phenotype.HOT if self.is_hot else Phenotype.COLD


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


MIN_DIGITS = 3
MAX_DIGITS = 14
"""Behind the point: a Decimal String holds 16 characters (PS3.5 section 6.2)."""


def shown_score(score: float, threshold: float) -> tuple[str, str]:
    """Return score and threshold with three digits, and more where both would look the same without being it.

    Rounded alike they could contradict the verdict: 0.41226 is cold below a threshold of 0.4123, "0.412" is not cold
    from "0.412" upwards.
    """
    digits = MIN_DIGITS
    while score != threshold and digits < MAX_DIGITS and f"{score:.{digits}f}" == f"{threshold:.{digits}f}":
        digits += 1
    return f"{score:.{digits}f}", f"{threshold:.{digits}f}"


@dataclass(frozen=True)
class DriftRecord:
    """Where one case lies in the training distribution of its signature: what ``result.json`` keeps of it."""

    scanner: str
    """Manufacturer and model, as the images say."""
    parts: Mapping[str, int]
    """Of each watched column, the part of the training distribution that it fell in: an index into
    `workers.scoring.drift.SHARES`."""
    outside: int
    """How many of the signature's features lie outside the range of the training cases."""
    features: int
    """How many features the signature takes."""
