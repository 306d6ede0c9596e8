"""The result of a case: the value that the computation passes to the reports."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from model_store.signatures.certainty import Certainty, PredictionSet
from model_store.signatures.profile import FeatureProfile
from workers.errors import Reason
from workers.features.regions import RegionMeasurement
from workers.notes import Note, warnings_of
from workers.scoring.signature_quality import SignatureQuality


class ResultOutcome(StrEnum):
    """The outcome of a job."""

    SCORED = "scored"
    NOT_SCORED = "not_scored"
    """The report states the reason."""
    UNCHANGED = "unchanged"
    """Equal to the result that it would replace: nothing new is sent."""


class Phenotype(StrEnum):
    """The verdict on a scored case."""

    HOT = "hot"
    """Immune-inflamed."""
    COLD = "cold"
    """Immune-desert."""
    UNCERTAIN = "uncertain"
    """The score is nearer to one class, but does not decide between them: `Doubt` is the reason."""


class Doubt(StrEnum):
    """The reason why a verdict is uncertain."""

    OUTLINE = "outline"
    """A redrawn outline gives the other class."""
    CALIBRATION = "calibration"
    """The scores of the training cases do not decide between the classes: the prediction set is *hot or cold*."""
    CONTRAST_PHASE = "contrast_phase"
    """Neither headers nor another phase show that the measured images were acquired after contrast."""


@dataclass(frozen=True)
class SignatureIdentity:
    """The signature that scored the case."""

    id: str
    version: str
    digest: str
    """SHA-256 of the bundle, hexadecimal."""
    profile: str
    """Name of the feature profile."""
    intended_use: str
    research_notice: str
    """The notice of every result, such as RESEARCH - simulated training data - not for clinical use."""


@dataclass(frozen=True)
class Contribution:
    """The effect of one feature on the score, relative to the signature's mean."""

    column: str
    """Region and feature, such as ``ring_original_glcm_Contrast``."""
    value: float
    effect: float
    """Change of the score; the mean and the effects of all features add up to the score."""


@dataclass(frozen=True)
class Stability:
    """The range of scores over outlines that are redrawn within reader variation."""

    low: float
    """The lowest score, including that of the received outline."""
    high: float
    """The highest score, including that of the received outline."""
    redraws: int
    """Number of redrawn outlines that could be scored."""
    drawn: int
    """Number of redrawn outlines."""


@dataclass(frozen=True)
class NotRedrawn:
    """The reason why the stability is unknown."""

    why: str


@dataclass(frozen=True)
class Score:
    """The score of a case, and its certainty."""

    hot_probability: float
    """The score: the mean vote of the trees for hot, 0 to 1. It is not calibrated; results keep this name for it."""
    threshold: float
    mean_probability: float
    """The score of an average training case, to which the contributions are added."""
    contributions: tuple[Contribution, ...]
    """All features that the forest uses, in descending order of effect."""
    certainty: Certainty | None = field(default=None, repr=False)
    """The signature's calibration; None where it has none."""
    stability: Stability | NotRedrawn = NotRedrawn("the outline was not redrawn")
    after_contrast_shown: bool = True
    """Whether headers or another phase show that the measured images were acquired after contrast."""

    @property
    def is_hot(self) -> bool:
        """Whether the score is at or above the signature's threshold."""
        return self.hot_probability >= self.threshold

    @property
    def span(self) -> tuple[float, float]:
        """The lowest and the highest score of redrawn outlines; the score itself where there are none."""
        if isinstance(self.stability, Stability):
            return self.stability.low, self.stability.high
        return self.hot_probability, self.hot_probability

    @property
    def tendency(self) -> Phenotype:
        """The class by the threshold, hot or cold, regardless of certainty."""
        return Phenotype.HOT if self.is_hot else Phenotype.COLD

    @property
    def shown_tendency(self) -> Phenotype | None:
        """The tendency that results show beside an uncertain verdict; None where it is not to be shown.

        Of images that may be from before contrast, a score says nothing about the phase after it.
        """
        return self.tendency if self.doubts and self.after_contrast_shown else None

    @property
    def prediction_set(self) -> PredictionSet | None:
        """The classes that the case may belong to; None where the signature has no calibration."""
        if self.certainty is None:
            return None
        return self.certainty.prediction_set(self.hot_probability, is_hot=self.is_hot)

    @property
    def doubts(self) -> tuple[Doubt, ...]:
        """The reasons why the verdict is uncertain; empty where it is certain."""
        found = []
        low, high = self.span
        if low < self.threshold <= high:
            found.append(Doubt.OUTLINE)
        if self.prediction_set is PredictionSet.BOTH:
            found.append(Doubt.CALIBRATION)
        if not self.after_contrast_shown:
            found.append(Doubt.CONTRAST_PHASE)
        return tuple(found)

    @property
    def phenotype(self) -> Phenotype:
        """The verdict: hot, cold or uncertain."""
        return Phenotype.UNCERTAIN if self.doubts else self.tendency


@dataclass(frozen=True)
class Rejection:
    """The reason why the case is not scored."""

    reason: Reason
    message: str


@dataclass(frozen=True)
class CaseResult:
    """Either a score or a rejection, with the regions that were measured."""

    score: Score | None
    rejection: Rejection | None
    regions: tuple[RegionMeasurement, ...] = ()
    notes: tuple[Note, ...] = ()
    """Quality notes for the report."""
    signature: SignatureIdentity | None = None
    quality: SignatureQuality | None = None
    """How good the signature is; None where its bundle does not state it."""
    scanner: str = ""
    """Manufacturer and model; empty where the images do not state them."""
    profile: FeatureProfile | None = None
    """What the features were measured with."""

    @property
    def warnings(self) -> tuple[Note, ...]:
        """The notes that affect the interpretation of the score."""
        return warnings_of(self.notes)


MIN_DIGITS = 3
MAX_DIGITS = 14
"""Decimal places: a Decimal String holds 16 characters (PS3.5 section 6.2)."""


def shown_score(score: float, threshold: float, digits: int = MIN_DIGITS) -> tuple[str, str]:
    """Return score and threshold with so many digits, or more where rounding would make them look equal.

    Otherwise the two could contradict the verdict: 0.41226 is cold below a threshold of 0.4123, but "0.412" is not
    cold with hot "from 0.412 upwards".
    """
    while score != threshold and digits < MAX_DIGITS and f"{score:.{digits}f}" == f"{threshold:.{digits}f}":
        digits += 1
    return f"{score:.{digits}f}", f"{threshold:.{digits}f}"


@dataclass(frozen=True)
class DriftRecord:
    """The position of a case in the training distribution of its signature, as stored in ``result.json``."""

    scanner: str
    """Manufacturer and model, from the image headers."""
    parts: Mapping[str, int]
    """By watched column, the part of the training distribution that the value is in: an index into
    `workers.scoring.drift.SHARES`."""
    outside: int
    """Number of the signature's features outside the range of the training cases."""
    features: int
    """Number of the signature's features."""
