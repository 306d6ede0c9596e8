"""Scores of a feature table, as the service gives them."""

import numpy as np
import pandas as pd

from model_store.cohort.labelled_cohort import measured_rows
from model_store.errors import SignatureError
from model_store.signatures.canary import hot_probability
from model_store.signatures.signature import Signature

IDENTITY = ("case", "patient", "study_uid", "series_uid", "seg_uid")


def score_table(signature: Signature, features: pd.DataFrame) -> pd.DataFrame:
    """Return each row's identity, ``hot_probability``, ``threshold``, ``phenotype`` and ``not_scored`` (why not).

    Raises
    ------
    SignatureError
        The table lacks a column of the signature, so it was measured with another profile.
    """
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
    verdict = np.where(probability >= signature.threshold, "hot", "cold")
    return table.assign(
        hot_probability=probability,
        threshold=signature.threshold,
        phenotype=np.where(scored, verdict, ""),
        not_scored=_why(features, signature, finite, measured),
    )


def _why(features: pd.DataFrame, signature: Signature, finite: np.ndarray, measured: np.ndarray) -> list[str]:
    reasons = features["reason"].fillna("").astype(str).tolist() if "reason" in features else [""] * len(features)
    found = []
    for row, was_measured, reason in zip(finite, measured, reasons, strict=True):
        absent = [name for name, there in zip(signature.columns, row, strict=True) if not there]
        found.append(reason if not was_measured else f"lacks {', '.join(absent[:5])}" if absent else "")
    return found
