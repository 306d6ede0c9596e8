"""Scores of a feature table, as the service gives them."""

import math

import numpy as np
import pandas as pd

from model_store.cohort.labelled_cohort import COLD, HOT, measured_rows, other_profile
from model_store.errors import SignatureError
from model_store.signatures.canary import hot_probability
from model_store.signatures.certainty import PredictionSet
from model_store.signatures.signature import Signature

UNCERTAIN = "uncertain"
UNKNOWN_SCANNER = "of a scanner that the signature does not know"
IDENTITY = ("case", "patient", "study_uid", "series_uid", "seg_uid")


def score_table(signature: Signature, features: pd.DataFrame, *, as_measured: bool = False) -> pd.DataFrame:
    """Return each row's identity, score, verdict, and why it is not scored.

    ``tendency`` is the class by the threshold, ``prediction_set`` what the case may be (empty where the signature was
    not calibrated), ``phenotype`` the verdict: uncertain where both are possible. The service also calls a verdict
    uncertain where redrawn outlines change it; a table has no outlines. A signature that harmonises features does not
    score scanners that it does not know, as in the service, unless ``as_measured``.

    Raises
    ------
    SignatureError
        The table was measured with another profile: it says so, or lacks a column of the signature.
    """
    if (other := other_profile(features, signature.profile.name)) is not None:
        raise SignatureError(
            f"the table was measured with profile {other}, not with profile {signature.profile.name}; extract it with "
            "that profile"
        )
    if missing := [one.column for one in signature.own_columns if one.feature not in features]:
        raise SignatureError(
            f"the signature takes {', '.join(missing)}, which no image states: name the table that has them in --own"
        )
    if absent := [name for name in signature.columns if name not in features]:
        raise SignatureError(
            f"the table has no column {absent[0]} ({len(absent)} of {len(signature.columns)} are missing): it was not "
            f"measured with profile {signature.profile.name}; extract it with that profile"
        )
    values = features[list(signature.columns)].to_numpy(np.float64, na_value=np.nan)
    finite = np.isfinite(values)
    measured = features.index.isin(measured_rows(features).index)
    scanners = scanners_of(features)
    unknown = (
        signature.harmonisation.unknown(scanners) if signature.harmonisation else np.zeros(len(features), np.bool_)
    )
    scored = finite.all(axis=1) & measured & (~unknown | as_measured)
    score = np.full(len(features), np.nan)
    # Row by row, as cases come to the service: no order of additions can differ.
    for index in np.flatnonzero(scored):
        row = signature.harmonised(values[index : index + 1], scanners[index])
        score[index] = hot_probability(signature.estimator, row)[0]
    table = features[[name for name in IDENTITY if name in features]].reset_index(drop=True)
    tendency = np.where(scored, np.where(score >= signature.threshold, HOT, COLD), "")
    sets = np.array([_prediction_set(signature, value) for value in score.tolist()])
    return table.assign(
        score=score,
        threshold=signature.threshold,
        phenotype=np.where(sets == PredictionSet.BOTH, UNCERTAIN, tendency),
        tendency=tendency,
        prediction_set=sets,
        not_scored=np.where(measured & unknown & ~scored, UNKNOWN_SCANNER, _why(features, signature, finite, measured)),
    )


def scanners_of(table: pd.DataFrame) -> list[str]:
    """Return the scanner of each row, empty where the table does not name it."""
    return table["scanner"].fillna("").astype(str).tolist() if "scanner" in table else [""] * len(table)


def _prediction_set(signature: Signature, score: float) -> str:
    if signature.certainty is None or math.isnan(score):
        return ""
    return signature.certainty.prediction_set(score, is_hot=score >= signature.threshold).value


def _why(features: pd.DataFrame, signature: Signature, finite: np.ndarray, measured: np.ndarray) -> list[str]:
    reasons = features["reason"].fillna("").astype(str).tolist() if "reason" in features else [""] * len(features)
    found = []
    for row, was_measured, reason in zip(finite, measured, reasons, strict=True):
        absent = [name for name, there in zip(signature.columns, row, strict=True) if not there]
        found.append(reason if not was_measured else f"lacks {', '.join(absent[:5])}" if absent else "")
    return found
