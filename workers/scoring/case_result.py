"""What a case came to: the value between the computing and the writing of reports."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from model_store.signatures.certainty import Certainty, PredictionSet
from workers.errors import Reason
from workers.features.regions import RegionMeasurement
from workers.notes import Note, warnings_of


class ResultOutcome(StrEnum):
    """What a job came to."""

    SCORED = "scored"
    NOT_SCORED = "not_scored"
    """For a reason that its report says."""
    UNCHANGED = "unchanged"
    """The same as the result that it would replace: nothing new is sent."""


class Phenotype(StrEnum):
    """The verdict on a scored case."""

    HOT = "hot"
    """Immune-inflamed."""
    COLD = "cold"
    """Immune-desert."""
    UNCERTAIN = "uncertain"
    """The score tends to one class, and does not decide between them: `Doubt` says why."""


class Doubt(StrEnum):
    """Why a verdict is uncertain."""

    OUTLINE = "outline"
    """A redrawn outline gives the other class."""
    CALIBRATION = "calibration"
    """Training cases of both classes have scores like this one: the prediction set is *hot or cold*."""


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
class Stability:
    """The score when the outline is redrawn within reader variation."""

    low: float
    """The smallest score, the case's own included."""
    high: float
    """The largest one."""
    redraws: int
    """How many redrawn outlines could be scored."""
    drawn: int
    """Of how many."""


@dataclass(frozen=True)
class NotRedrawn:
    """Why the stability is not known."""

    why: str


@dataclass(frozen=True)
class Score:
    """The score of a case, and how sure it is."""

    hot_probability: float
    threshold: float
    mean_probability: float
    """The score of an average training case: the point that the contributions start from."""
    contributions: tuple[Contribution, ...]
    """All features that the forest used, the strongest effect first."""
    certainty: Certainty | None = field(default=None, repr=False)
    """The signature's calibration; None where it has none."""
    stability: Stability | NotRedrawn = NotRedrawn("the outline was not redrawn")

    @property
    def is_hot(self) -> bool:
        """Whether the score reaches the signature's threshold."""
        return self.hot_probability >= self.threshold

    @property
    def span(self) -> tuple[float, float]:
        """The smallest and the largest score of redrawn outlines; the score itself where there are none."""
        if isinstance(self.stability, Stability):
            return self.stability.low, self.stability.high
        return self.hot_probability, self.hot_probability

    @property
    def tendency(self) -> Phenotype:
        """The class by the threshold, hot or cold, however sure it is."""
        return Phenotype.HOT if self.is_hot else Phenotype.COLD

    @property
    def prediction_set(self) -> PredictionSet | None:
        """The classes that the case may belong to; None where the signature was not calibrated."""
        if self.certainty is None:
            return None
        return self.certainty.prediction_set(self.hot_probability, is_hot=self.is_hot)

    @property
    def doubts(self) -> tuple[Doubt, ...]:
        """Why the verdict is uncertain; empty where it is not."""
        found = []
        low, high = self.span
        if low < self.threshold <= high:
            found.append(Doubt.OUTLINE)
        if self.prediction_set is PredictionSet.BOTH:
            found.append(Doubt.CALIBRATION)
        return tuple(found)

    @property
    def phenotype(self) -> Phenotype:
        """The verdict."""
        return Phenotype.UNCERTAIN if self.doubts else self.tendency


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
    notes: tuple[Note, ...] = ()
    """Quality notes for the reader of the report."""
    signature: SignatureIdentity | None = None

    @property
    def warnings(self) -> tuple[Note, ...]:
        """The notes that change how the score is to be read."""
        return warnings_of(self.notes)


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
