"""Refusals of cohorts in which the answer lies among the questions."""

from collections.abc import Iterable, Mapping
from math import comb

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from model_store.cohort.feature_table import FeatureTable
from model_store.errors import LeakError

MAX_CHANCE = 1e-3
"""How many columns of noise may be expected to separate the classes perfectly before one that does is a label."""
LABEL_WORDS = ("phenotype", "label", "outcome", "class", "hot", "cold", "target")


def require_no_label(table: FeatureTable, extra: Mapping[str, NDArray[np.float64]] | None = None) -> None:
    """Refuse a feature that is the label, by name or by value; ``extra`` are covariates to look at as well.

    Raises
    ------
    LeakError
        A column is called like a label, equals it, or separates the classes as no feature does by chance.
    """
    columns = dict(zip(table.columns, table.values.T, strict=True)) | dict(extra or {})
    if named := [name for name in columns if name.rpartition("_")[2].lower() in LABEL_WORDS]:
        raise LeakError(f"column {named[0]} has the name of a label; remove labels from the features")
    hot, cold = int(table.hot.sum()), int((~table.hot).sum())
    chance = len(columns) * 2 / comb(hot + cold, hot) if hot and cold else 1.0
    separating = [name for name, values in columns.items() if separates(values, table.hot)]
    if separating and chance < MAX_CHANCE:
        raise LeakError(
            f"column {separating[0]} separates {hot} hot from {cold} cold cases without error "
            f"({len(separating)} such columns): a label among the features; remove it or find the cause"
        )


def separates(values: NDArray[np.float64], hot: NDArray[np.bool_]) -> bool:
    """Whether every hot case lies on one side of every cold case; absence of a value counts as a value."""
    filled = np.where(np.isnan(values), -np.inf, values)
    ranks = rankdata(filled)
    return bool(ranks[hot].min() > ranks[~hot].max() or ranks[hot].max() < ranks[~hot].min()) if hot.any() else False


def require_other_patients(training: Iterable[str], other: Iterable[str], what: str) -> None:
    """Refuse a patient who is trained on and measured on."""
    if shared := set(training) & set(other):
        raise LeakError(
            f"{len(shared)} patients are in the training table and in {what}; remove them from one of the two"
        )


def require_other_images(training: frozenset[bytes], other: Iterable[bytes], what: str) -> None:
    """Refuse the same measurement in training and in another cohort: one patient under two pseudonyms."""
    if shared := sum(values in training for values in other):
        raise LeakError(
            f"{shared} cases of {what} have the same values in every feature as a training case: the same "
            "images under another pseudonym; remove them from one of the two"
        )


def require_no_twins(table: FeatureTable) -> None:
    """Refuse the same measurement under two pseudonyms: such a patient would be trained on and measured on."""
    seen: dict[bytes, str] = {}
    for patient, row in zip(table.patients, table.values, strict=True):
        other = seen.setdefault(row.tobytes(), patient)
        if other != patient:
            raise LeakError(
                "two patients have the same values in every feature: the same images under two pseudonyms; "
                "use one pseudonym for both, or remove one"
            )
