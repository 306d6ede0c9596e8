"""Calibration of probabilities: intercept, slope and Brier score."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.special import expit, logit

from model_store.errors import TrainingError
from model_store.statistics.performance import Estimate, Flags, Floats, normal_quantile

EDGE = 0.001
"""A forest may give 0 or 1, whose logit is infinite: probabilities are moved inwards by this much."""
STEPS = 100


@dataclass(frozen=True)
class Calibration:
    """Calibration of probabilities. None where the classes do not overlap, so that no slope fits best."""

    cases: int
    intercept: Estimate | None
    """In the large: shift of the logit with slope 1; 0 where the mean probability is the share of hot cases."""
    slope: Estimate | None
    """1 where probabilities are neither too extreme (below 1) nor too cautious (above)."""
    brier: Estimate
    """Mean squared error, with the normal interval of a mean."""
    brier_of_prevalence: float
    """Of a constant probability, the share of hot cases: the reference that a signature has to beat."""
    moved_inwards: int
    """Cases whose probability was closer than `EDGE` to 0 or 1."""

    def to_json(self) -> dict[str, Any]:
        """Return JSON-ready values."""
        return asdict(self)


def calibration(hot: Flags, probability: Floats) -> Calibration:
    """Return how probabilities fit the truth (Cox, Biometrika 45:562, 1958)."""
    inside = np.clip(probability, EDGE, 1 - EDGE)
    z = logit(inside)
    squares = (probability - hot) ** 2
    reach = normal_quantile(0.95) * float(squares.std(ddof=1)) / np.sqrt(len(hot))
    brier = float(squares.mean())
    slope = logistic_fit(np.column_stack([np.ones_like(z), z]), hot)
    large = logistic_fit(np.ones((len(z), 1)), hot, offset=z)
    return Calibration(
        cases=len(hot),
        intercept=_estimate(large, 0),
        slope=_estimate(slope, 1),
        brier=Estimate(brier, max(0.0, brier - reach), brier + reach),
        brier_of_prevalence=float(hot.mean() * (1 - hot.mean())),
        moved_inwards=int(np.sum(inside != probability)),
    )


def logistic_fit(design: Floats, hot: Flags, offset: Floats | None = None) -> tuple[Floats, Floats] | None:
    """Return coefficients and standard errors of the maximum likelihood fit; None where there is no maximum.

    Newton's method as in any generalised linear model. Written out, because statsmodels is not part of the service and
    the fit has two columns.
    """
    if len(hot) != len(design):
        raise TrainingError(f"{len(design)} rows cannot have {len(hot)} classes")
    base = np.zeros(len(hot)) if offset is None else offset
    beta = np.zeros(design.shape[1])
    for _ in range(STEPS):
        fitted = expit(design @ beta + base)
        information = design.T @ (design * (fitted * (1 - fitted))[:, None])
        if np.linalg.cond(information) > 1e12:
            return None
        step = np.linalg.solve(information, design.T @ (hot - fitted))
        beta = beta + np.clip(step, -5, 5)
        if np.abs(step).max() < 1e-10:
            return beta, np.sqrt(np.diag(np.linalg.inv(information)))
    return None


def _estimate(fit: tuple[Floats, Floats] | None, index: int) -> Estimate | None:
    if fit is None:
        return None
    value, reach = float(fit[0][index]), normal_quantile(0.95) * float(fit[1][index])
    return Estimate(value, value - reach, value + reach)
