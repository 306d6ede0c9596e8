"""The acceptance contract that training writes, from the acquisition and the features of its cases."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.covariance import LedoitWolf
from sklearn.model_selection import GroupKFold

from model_store.signatures.acceptance import MARGIN, PHASE, AcceptanceContract, Interval, Parameter
from model_store.signatures.training_distance import TrainingDistance

FEWEST_KNOWN = 20
"""Cases of which a value has to be known, and at least half of the cohort, before its range bounds others."""
DISTANCE_QUANTILE = 0.99
"""Of the training cases' distances, each measured without its own fold."""
DISTANCE_FOLDS = 10
NORMAL_INTERQUARTILE_RANGE = 1.349
"""Of a normal distribution with standard deviation 1."""


@dataclass(frozen=True)
class Contracted:
    """A contract with the distance that it limits."""

    contract: AcceptanceContract
    distance: TrainingDistance | None
    """None where there are too few cases to fit one."""


def contract_of(values: NDArray[np.float64], patients: Sequence[str], cases: pd.DataFrame | None = None) -> Contracted:
    """Return the contract of a cohort.

    ``values`` (cases, columns) are the forest's columns; ``cases`` is what the feature table says of each case beside
    them, where it says anything.
    """
    distance, limit = _distance(values, patients)
    known = pd.DataFrame() if cases is None else cases
    contract = AcceptanceContract(
        acquisition={name: span for name in Parameter if (span := _interval(known, name.value)) is not None},
        phases=_phases(known),
        max_training_distance=limit,
    )
    return Contracted(contract, distance)


def _distance(values: NDArray[np.float64], patients: Sequence[str]) -> tuple[TrainingDistance | None, float | None]:
    """Return the fitted distance and its limit: lesions of one patient never measure each other."""
    folds = min(DISTANCE_FOLDS, len(set(patients)))
    if len(values) < FEWEST_KNOWN or folds < 2:
        return None, None
    unseen = np.zeros(len(values))
    for rest, held_out in GroupKFold(folds).split(values, groups=list(patients)):
        unseen[held_out] = fit_distance(values[rest]).of(values[held_out])
    limit = float(np.quantile(unseen, DISTANCE_QUANTILE)) * MARGIN
    return fit_distance(values), float(f"{limit:.6g}")


def fit_distance(values: NDArray[np.float64]) -> TrainingDistance:
    """Fit a distance to rows (cases, columns), with a shrunk covariance (Ledoit and Wolf, 2004).

    Its arrays are rounded to single precision, so that another BLAS gives the same bundle.
    """
    low, median, high = (_single(one) for one in np.quantile(values, (0.25, 0.5, 0.75), axis=0))
    scale = _single((high - low) / NORMAL_INTERQUARTILE_RANGE)
    scale[scale <= 0] = 1.0
    estimate = LedoitWolf().fit(TrainingDistance.scaled(values, median, scale))
    return TrainingDistance(median, scale, _single(estimate.location_), _single(estimate.precision_))


def _single(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return values.astype(np.float32).astype(np.float64)


def _known(cases: pd.DataFrame, name: str) -> NDArray[np.float64]:
    """Return the known values of a column; none where too few cases have one."""
    if name not in cases:
        return np.empty(0)
    found = pd.to_numeric(cases[name], errors="coerce").dropna().to_numpy(np.float64)
    found = found[np.isfinite(found) & (found > 0)]
    return found if len(found) >= max(FEWEST_KNOWN, len(cases) / 2) else np.empty(0)


def _interval(cases: pd.DataFrame, name: str) -> Interval | None:
    found = _known(cases, name)
    if not found.size:
        return None
    return Interval(*(float(f"{value:.4g}") for value in (found.min() / MARGIN, found.max() * MARGIN)))


def _phases(cases: pd.DataFrame) -> tuple[int, ...]:
    return tuple(sorted({int(phase) for phase in _known(cases, PHASE)}))
