"""Refusals of one patient under two names: by pseudonym, by the digest of the pixels, and by the features.

Features of the same images stay alike after rounding, rescaling of columns or a little noise, which makes the values
of two rows differ. So each column is ranked over the cases first; two rows whose ranks rise and fall together over all
columns are the same images. Without the ranking any two tumours would correlate, because features differ by magnitudes.
"""

from collections.abc import Iterable

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import norm, rankdata

from model_store.cohort.feature_table import FeatureTable
from model_store.errors import LeakError
from model_store.signatures.own_columns import own_of

PIXEL_DIGEST = "pixel_digest"
"""Column of a feature table: SHA-256 of the measured phase's grey values."""
MAX_CORRELATION = 0.98
SAME_DIGITS = 1e-4
"""Relative difference of values that were written with five digits or more."""
FEWEST_SCORE_COLUMNS = 4
"""In fewer columns two patients may have the same values by chance."""
FEWEST_CASES = 10
"""Ranks of fewer cases are too coarse to tell two of them apart; equal values are found among any number."""

Floats = NDArray[np.float64]


def require_other_patients(training: Iterable[str], other: Iterable[str], what: str) -> None:
    """Refuse a patient who is in the training table and in the other one."""
    if shared := set(training) & set(other):
        raise LeakError(
            f"{len(shared)} patients are in the training table and in {what}; remove them from one of the two"
        )


def require_no_twins(table: FeatureTable, digests: "pd.Series[str] | None" = None) -> None:
    """Refuse the same images under two pseudonyms: such a patient would be trained on and measured on.

    ``digests`` are the pixel digests of the table's cases, where it has them.

    Raises
    ------
    LeakError
        Naming what is alike.
    """
    patients = np.array(table.patients)
    if digests is not None:
        known = pd.DataFrame({"digest": known_digests(digests), "patient": patients}).dropna()
        if shared := int((known.groupby("digest")["patient"].nunique() > 1).sum()):
            raise LeakError(
                f"{shared} images occur under two pseudonyms (equal pixel digests); use one pseudonym for both, or "
                "remove one"
            )
    measured = table.without(own_of(table.columns))  # ages and grades are equal by chance
    if not measured.columns:
        return
    alike = _equal(measured.values, measured.values) | _alike(measured.values, measured.values)
    alike &= patients[:, None] != patients
    if alike.any():
        first, second = np.argwhere(alike)[0]
        raise LeakError(
            f"rows {first + 1} and {second + 1} of the measured cases with a label, of two patients, have the same "
            f"values in every feature, or nearly so (rank correlation above {MAX_CORRELATION}; "
            f"{int(alike.sum()) // 2} such pairs): the same images under two pseudonyms; use one pseudonym for both, "
            "or remove one"
        )


def require_other_images(training: Floats, other: Floats, what: str) -> None:
    """Refuse the same measurement in training and in another cohort: one patient under two pseudonyms.

    ``training`` and ``other`` are features (cases, columns) in the same columns. They are ranked together and each by
    itself, so that copies with changed units are found as well.

    Raises
    ------
    LeakError
        With the number of cases.
    """
    equal = _equal(training, other).any(axis=0)
    if equal.any():
        raise LeakError(
            f"{int(equal.sum())} cases of {what} have the same values in every feature as a training case: the same "
            "images under another pseudonym; remove them from one of the two"
        )
    pooled = rank_profiles(np.concatenate([training, other]))
    alike = _correlated(pooled[: len(training)], pooled[len(training) :])
    if min(len(training), len(other)) >= FEWEST_CASES:
        alike |= _correlated(rank_profiles(training), rank_profiles(other))
    if shared := int(alike.any(axis=0).sum()):
        raise LeakError(
            f"{shared} cases of {what} have nearly the same values in every feature as a training case (rank "
            f"correlation above {MAX_CORRELATION}): the same images under another pseudonym; remove them from one of "
            "the two"
        )


def require_other_values(training: Floats, other: Floats, what: str) -> None:
    """Refuse cases that have a training case's values in all features of a score, whatever their other features are.

    ``training`` and ``other`` are these features (cases, columns). They decide the score alone, so a table in which
    only they were copied gets the scores of the training cases.

    Raises
    ------
    LeakError
        With the number of cases.
    """
    if training.shape[1] < FEWEST_SCORE_COLUMNS:
        return
    copied = [
        bool(np.isclose(training, row, rtol=SAME_DIGITS, atol=0).all(axis=1).any())
        for row in other
        if np.isfinite(row).all()
    ]
    if any(copied):
        raise LeakError(
            f"{sum(copied)} cases of {what} have the values of a training case in all {training.shape[1]} features of "
            "the score: copies under another pseudonym; remove them from one of the two"
        )


def require_other_pixels(training: "pd.Series[str]", other: "pd.Series[str]", what: str) -> bool:
    """Refuse images that were trained on; return whether every case of both tables has a pixel digest.

    Raises
    ------
    LeakError
        With the number of cases.
    """
    first, second = known_digests(training), known_digests(other)
    if shared := int(second.dropna().isin(first.dropna()).sum()):
        raise LeakError(
            f"{shared} cases of {what} have the pixel digest of a training case: the same images under another "
            "pseudonym; remove them from one of the two"
        )
    return bool(first.notna().all() and second.notna().all() and len(first) and len(second))


def known_digests(digests: "pd.Series[str]") -> "pd.Series[str]":
    """Return the digests with missing values where there is none."""
    text = digests.astype("string").str.strip().str.lower()
    return text.where(text.str.fullmatch(r"[0-9a-f]{64}").fillna(False)).reset_index(drop=True)


def rank_profiles(values: Floats) -> Floats:
    """Return each case as a vector of length 1 of the normal scores of its features; what is absent is average."""
    ranks = rankdata(values, axis=0, nan_policy="omit")
    present = np.isfinite(values)
    scores = norm.ppf((ranks - 0.5) / np.maximum(present.sum(axis=0), 1))
    scores = np.where(present, scores, 0.0)
    return np.asarray(scores / np.maximum(np.linalg.norm(scores, axis=1, keepdims=True), 1e-12))


def _alike(one: Floats, other: Floats) -> NDArray[np.bool_]:
    if len(one) < FEWEST_CASES:
        return np.zeros((len(one), len(other)), np.bool_)
    return _correlated(rank_profiles(one), rank_profiles(other))


def _correlated(one: Floats, other: Floats) -> NDArray[np.bool_]:
    return np.asarray(one @ other.T > MAX_CORRELATION)


def _equal(one: Floats, other: Floats) -> NDArray[np.bool_]:
    """Return which rows hold the same bytes."""
    first, second = (np.array([row.tobytes() for row in np.ascontiguousarray(part)]) for part in (one, other))
    return np.asarray(first[:, None] == second)
