"""How many patients a signature needs, for its training and for its validation.

Training: Riley et al., BMJ 368:m441 (2020), a binary outcome; the three criteria of their program pmsampsize. They are
for regression: forests and other flexible models need several times as many (van der Ploeg et al., BMC Med Res Methodol
14:137, 2014). Validation: Riley et al., Stat Med 40:4230 (2021), by the width of each interval. In both, the linear
predictor is normal in each class, so that the AUC and the share of hot cases say everything.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

SHRINKAGE = 0.9
"""Of the coefficients, at least: overfitting of at most 10 %."""
SMALL_DIFFERENCE = 0.05
"""Between apparent and adjusted Nagelkerke's R squared."""
RISK_MARGIN = 0.05
"""Of the estimated share of hot cases, to either side."""
AUC_WIDTH, RATIO_WIDTH, SLOPE_WIDTH = 0.1, 0.2, 0.2
"""Of the 95 % intervals in a validation (defaults of pmvalsampsize): AUC, observed / expected, calibration slope."""
MOST_PATIENTS = 10_000_000
Z = float(norm.ppf(0.975))

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Need:
    """A criterion, and how many patients it asks for."""

    criterion: str
    patients: int


def training_needs(auc: float, hot_share: float, features: int) -> tuple[Need, ...]:
    """Return the criteria of Riley et al. (2020).

    Args:
        auc: that the model is expected to have, 0.5 to 1.
        hot_share: share of hot cases, 0 to 1.
        features: that are offered, not only those that the model takes in the end.
    """
    explained = explained_variation(auc, hot_share)
    most = 1 - math.exp(2 * (hot_share * math.log(hot_share) + (1 - hot_share) * math.log(1 - hot_share)))
    wanted = explained / (explained + SMALL_DIFFERENCE * most)
    margin = (Z / RISK_MARGIN) ** 2 * hot_share * (1 - hot_share)
    return (
        Need(f"shrinkage of at least {SHRINKAGE:g}", _for_shrinkage(SHRINKAGE, explained, features)),
        Need(f"R squared within {SMALL_DIFFERENCE:g}", _for_shrinkage(wanted, explained, features)),
        Need(f"share of hot cases within {RISK_MARGIN:g}", math.ceil(margin)),
    )


def validation_needs(auc: float, hot_share: float, bar: float | None = None) -> tuple[Need, ...]:
    """Return the criteria of Riley et al. (2021), and how many put the AUC's lower limit above a bar, on average."""
    needs = [
        Need(f"AUC with an interval of {AUC_WIDTH:g}", patients_for_auc(auc, hot_share, AUC_WIDTH / 2)),
        Need(
            f"calibration slope with an interval of {SLOPE_WIDTH:g}",
            patients_for_slope(*_linear_predictor(auc, hot_share)),
        ),
        Need(f"observed / expected with an interval of {RATIO_WIDTH:g}", patients_for_ratio(hot_share, RATIO_WIDTH)),
    ]
    if bar is not None:
        needs.append(Need(f"lower limit of the AUC above {bar:g}", patients_for_auc(auc, hot_share, auc - bar)))
    return tuple(needs)


def explained_variation(auc: float, hot_share: float) -> float:
    """Return Cox and Snell's R squared of a model with this AUC (Riley et al., Stat Med 40:859, 2021), by integration.

    Their program draws a million patients instead.
    """
    predictor, weight = _linear_predictor(auc, hot_share)
    risk = 1 / (1 + np.exp(-predictor))
    fitted = float((weight * (risk * np.log(risk) + (1 - risk) * np.log1p(-risk))).sum())
    null = hot_share * math.log(hot_share) + (1 - hot_share) * math.log(1 - hot_share)
    return 1 - math.exp(2 * (null - fitted))


def auc_standard_error(auc: float, hot_share: float, patients: int) -> float:
    """Return the standard error of an AUC (Newcombe, Stat Med 25:559, 2006, method 4)."""
    half = patients / 2 - 1
    factor = 1 + half * (1 - auc) / (2 - auc) + half * auc / (1 + auc)
    return math.sqrt(auc * (1 - auc) * factor / (patients**2 * hot_share * (1 - hot_share)))


def _linear_predictor(auc: float, hot_share: float) -> tuple[Floats, Floats]:
    """Return points of the linear predictor (log odds) and their weights, which add up to 1."""
    distance = math.sqrt(2) * float(norm.ppf(auc))
    x = np.linspace(-9, 9 + distance, 20_001)
    density = (1 - hot_share) * norm.pdf(x) + hot_share * norm.pdf(x - distance)
    offset = math.log(hot_share / (1 - hot_share)) - distance**2 / 2
    return offset + distance * x, density / density.sum()


def _for_shrinkage(shrinkage: float, explained: float, features: int) -> int:
    return math.ceil(features / ((shrinkage - 1) * math.log(1 - explained / shrinkage)))


def patients_for_ratio(hot_share: float, width: float) -> int:
    """Return how many patients give the ratio of observed to expected hot cases, where it is 1, such an interval."""
    return math.ceil((1 - hot_share) / hot_share / (math.asinh(width / 2) / Z) ** 2)


def patients_for_slope(predictor: Floats, weight: Floats) -> int:
    """Return how many patients give the slope of a well calibrated model an interval of `SLOPE_WIDTH`.

    Args:
        predictor: points of the linear predictor (log odds).
        weight: share of the patients at each point.
    """
    risk = 1 / (1 + np.exp(-predictor))
    spread = weight * risk * (1 - risk)
    alpha, cross, beta = (float(part.sum()) for part in (spread, predictor * spread, predictor**2 * spread))
    return math.ceil(alpha / (alpha * beta - cross**2) * (2 * Z / SLOPE_WIDTH) ** 2)


def patients_for_auc(auc: float, hot_share: float, reach: float) -> int:
    """Return how many patients give an AUC an interval that reaches so far to either side."""
    low, high = 4, MOST_PATIENTS
    while low < high:
        middle = (low + high) // 2
        if Z * auc_standard_error(auc, hot_share, middle) <= reach:
            high = middle
        else:
            low = middle + 1
    return low
