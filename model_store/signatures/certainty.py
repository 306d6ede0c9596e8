"""How sure a signature is of a score: the classes that a case may belong to, calibrated on scores of unseen cases.

Cross-conformal prediction by class (Vovk, Gammerman and Shafer, Algorithmic Learning in a Random World, 2nd edition,
2022, sections 4.4 and 4.6). The calibration scores are out-of-fold: each training case was scored by forests that had
not seen its patient. A class belongs to the set of a new case unless the case is more extreme for that class than all
but a share of ``1 - coverage`` of the class's training cases. So of the future hot cases at least ``coverage`` have hot
in their set, and likewise of the cold ones, as long as future cases are like those of training.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

COVERAGE = 0.9
"""Of new signatures. A class needs 9 training cases before it can ever be left out of a set."""
SCORE_DIGITS = 6
METHOD = "cross-conformal by class (Mondrian), on out-of-fold scores of the training cases"


class PredictionSet(StrEnum):
    """The classes that a case may belong to."""

    HOT = "hot"
    COLD = "cold"
    BOTH = "hot or cold"


@dataclass(frozen=True)
class ThresholdInterval:
    """How the threshold varied when parts of the training cases were left out."""

    low: float
    high: float
    folds: int

    @classmethod
    def of(cls, thresholds: Sequence[float]) -> "ThresholdInterval":
        """Return the smallest and the largest of the thresholds that the folds chose."""
        return cls(round(min(thresholds), SCORE_DIGITS), round(max(thresholds), SCORE_DIGITS), len(thresholds))


@dataclass(frozen=True)
class Certainty:
    """The calibration that a bundle holds."""

    coverage: float
    """Share of the future cases of each class whose set holds their class."""
    hot_scores: tuple[float, ...]
    """Out-of-fold scores of the hot training cases, ascending."""
    cold_scores: tuple[float, ...]
    """Those of the cold ones, ascending."""
    threshold_interval: ThresholdInterval
    method: str = METHOD

    def __post_init__(self) -> None:
        if self.method != METHOD:
            raise ValueError(f"certainty was calibrated by a method that this program does not know: {self.method}")
        if not 0.5 <= self.coverage < 1:
            raise ValueError(f"coverage is a share from 0.5 to below 1, not {self.coverage}")
        for scores in (self.hot_scores, self.cold_scores):
            if not scores or list(scores) != sorted(scores) or not 0 <= scores[0] <= scores[-1] <= 1:
                raise ValueError(
                    "training scores are numbers from 0 to 1 in ascending order, at least one of each class"
                )

    @classmethod
    def calibrated(
        cls,
        score: "NDArray[np.float64]",
        hot: "NDArray[np.bool_]",
        thresholds: Sequence[float],
        coverage: float = COVERAGE,
    ) -> "Certainty":
        """Return the calibration of out-of-fold scores (cases,) and the thresholds that the folds chose."""
        cases = sorted((round(value, SCORE_DIGITS), is_hot) for value, is_hot in zip(score.tolist(), hot, strict=True))
        hot_scores, cold_scores = (tuple(value for value, flag in cases if bool(flag) is own) for own in (True, False))
        return cls(coverage, hot_scores, cold_scores, ThresholdInterval.of(thresholds))

    @cached_property
    def hot_from(self) -> float:
        """The smallest score at which hot belongs to the set; minus infinity with too few hot training cases."""
        least = self._leaves_out(self.hot_scores)
        return self.hot_scores[least - 1] if least else -math.inf

    @cached_property
    def cold_to(self) -> float:
        """The largest score at which cold belongs to the set; infinity with too few cold training cases."""
        least = self._leaves_out(self.cold_scores)
        return self.cold_scores[-least] if least else math.inf

    def _leaves_out(self, scores: Sequence[float]) -> int:
        """Return how many training cases of a class must be at least as extreme for a case to belong to it."""
        # Rounded, because (1 - 0.9) * 50 is below 5.
        return math.floor(round((1 - self.coverage) * (len(scores) + 1), 9))

    def prediction_set(self, score: float, *, is_hot: bool) -> PredictionSet:
        """Return the classes that a case may belong to.

        ``is_hot`` is the class by the signature's threshold. It stands alone only where it belongs to the set and the
        other one does not. Every other case is *hot or cold*: where both belong to the set, where neither does (the
        score lies between two classes that were apart at training), and where only the other one does.
        """
        hot, cold = score >= self.hot_from, score <= self.cold_to
        if hot != cold and hot == is_hot:
            return PredictionSet.HOT if hot else PredictionSet.COLD
        return PredictionSet.BOTH
