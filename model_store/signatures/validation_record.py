"""What a validated signature carries of its validation: the scores of each external cohort, and what was compared.

From it every requirement of `model_store.signatures.claims` is computed again when the bundle is read, so that a bundle
cannot merely state that it is validated.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from model_store.statistics.calibration import Calibration
    from model_store.statistics.performance import Estimate, Flags, Floats

FEWEST_OF_A_CLASS = 2
"""Cases: the AUC of fewer has no interval."""


@dataclass(frozen=True)
class ValidatedCohort:
    """The scores of the signature in a cohort of other patients."""

    hot_scores: tuple[float, ...]
    """Scores of the hot cases, ascending; at least two."""
    cold_scores: tuple[float, ...]
    """Of the cold ones."""
    compared_with_training: Mapping[str, bool]
    """Whether its cases were compared with the training cases, without finding one of them, by each way."""

    def __post_init__(self) -> None:
        for scores in (self.hot_scores, self.cold_scores):
            if len(scores) < FEWEST_OF_A_CLASS or not all(0 <= score <= 1 for score in scores):
                raise ValueError(
                    f"scores of a validation are numbers from 0 to 1, at least {FEWEST_OF_A_CLASS} of each class"
                )

    @classmethod
    def of(cls, hot: "Flags", score: "Floats", compared: Mapping[str, bool]) -> "ValidatedCohort":
        """Return the record of a scored cohort (cases,)."""
        of_hot, of_cold = (tuple(sorted(score[part].tolist())) for part in (hot, ~hot))
        return cls(of_hot, of_cold, dict(compared))

    @property
    def auc(self) -> "Estimate":
        """The AUC with DeLong's interval."""
        from model_store.statistics.performance import auc_with_interval

        return auc_with_interval(*self._cases())

    @property
    def calibration(self) -> "Calibration":
        """Slope and intercept with their intervals."""
        from model_store.statistics.calibration import calibration

        return calibration(*self._cases())

    def _cases(self) -> "tuple[Flags, Floats]":
        hot = np.repeat([True, False], [len(self.hot_scores), len(self.cold_scores)])
        return hot, np.array([*self.hot_scores, *self.cold_scores])


@dataclass(frozen=True)
class ValidationRecord:
    """The external validation of a signature."""

    protocol_sha256: str | None
    """Of the protocol's file at publication; None where there was none."""
    cohorts: Mapping[str, ValidatedCohort]
