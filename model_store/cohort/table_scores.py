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
IDENTITY = ("case", "patient", "study_uid", "series_uid", "seg_uid")


def score_table(signature: Signature, features: pd.DataFrame) -> pd.DataFrame:
    """Return each row's identity, score, verdict, and why it is not scored.

    ``tendency`` is the class by the threshold, ``prediction_set`` what the case may be (empty where the signature was
    not calibrated), ``phenotype`` the verdict: uncertain where both are possible. The service also calls a verdict
    uncertain where redrawn outlines change it; a table has no outlines.

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
    if absent := [name for name in signature.columns if name not in features]:
        raise SignatureError(
            f"the table has no column {absent[0]} ({len(absent)} of {len(signature.columns)} are missing): it was not "
            f"measured with profile {signature.profile.name}; extract it with that profile"
        )
    values = features[list(signature.columns)].to_numpy(np.float64, na_value=np.nan)
    finite = np.isfinite(values)
    measured = features.index.isin(measured_rows(features).index)
    scored = finite.all(axis=1) & measured
    probability = np.full(len(features), np.nan)
    # Row by row, as cases come to the service: no order of additions can differ.
    for index in np.flatnonzero(scored):
        probability[index] = hot_probability(signature.estimator, values[index : index + 1])[0]
    table = features[[name for name in IDENTITY if name in features]].reset_index(drop=True)
    tendency = np.where(scored, np.where(probability >= signature.threshold, HOT, COLD), "")
    sets = np.array([_prediction_set(signature, value) for value in probability.tolist()])
    return table.assign(
        hot_probability=probability,
        threshold=signature.threshold,
        phenotype=np.where(sets == PredictionSet.BOTH, UNCERTAIN, tendency),
        tendency=tendency,
        prediction_set=sets,
        not_scored=_why(features, signature, finite, measured),
    )


def _prediction_set(signature: Signature, probability: float) -> str:
    if signature.certainty is None or math.isnan(probability):
        return ""
    return signature.certainty.prediction_set(probability, is_hot=probability >= signature.threshold).value


def _why(features: pd.DataFrame, signature: Signature, finite: np.ndarray, measured: np.ndarray) -> list[str]:
    reasons = features["reason"].fillna("").astype(str).tolist() if "reason" in features else [""] * len(features)
    found = []
    for row, was_measured, reason in zip(finite, measured, reasons, strict=True):
        absent = [name for name, there in zip(signature.columns, row, strict=True) if not there]
        found.append(reason if not was_measured else f"lacks {', '.join(absent[:5])}" if absent else "")
    return found
