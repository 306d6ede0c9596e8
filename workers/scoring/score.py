"""The score of a case, and the effect of each feature: a function of the signature and the measured regions."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from model_store.errors import SignatureError
from model_store.signatures.forest import Forest
from model_store.signatures.own_columns import own_of
from model_store.signatures.registry import Registry
from model_store.signatures.signature import Signature
from workers.errors import ModelError, Reason, RejectedInput
from workers.features.regions import RegionMeasurement
from workers.scoring.applicability import some, taken_values
from workers.scoring.case_result import Contribution, Score, SignatureIdentity


def active_signature(registry: Registry) -> Signature:
    """Return the active signature.

    Raises
    ------
    ModelError
        If none is active, or it fails a check.
    """
    try:
        return registry.active()
    except SignatureError as error:
        raise ModelError(str(error)) from error


def identity(signature: Signature) -> SignatureIdentity:
    """Return the part of the signature that every result states."""
    return SignatureIdentity(
        id=signature.id,
        version=signature.version,
        digest=signature.digest,
        profile=signature.profile.name,
        intended_use=signature.description.intended_use,
        research_notice=signature.research_notice,
    )


def score(signature: Signature, regions: Sequence[RegionMeasurement], scanner: str) -> Score:
    """Return the score, the mean vote of the trees for hot, with the contribution of each feature.

    A feature's value is as the forest takes it.

    ``scanner`` is manufacturer and model: some signatures harmonise features between scanners.

    Raises
    ------
    RejectedInput
        If a feature of the signature is absent; the message names it.
    """
    row = feature_row(signature, regions, scanner)
    mean, effects = _decompose(signature.estimator, row)
    vote = float(signature.estimator.predict_proba(row)[0, 1])
    contributions = (
        Contribution(column, float(value), float(effect))
        for column, value, effect in zip(signature.columns, row[0], effects, strict=True)
    )
    return Score(
        hot_probability=vote,
        threshold=signature.threshold,
        mean_probability=mean,
        contributions=tuple(sorted(contributions, key=lambda item: (-abs(item.effect), item.column))),
        certainty=signature.certainty,
    )


def feature_row(signature: Signature, regions: Sequence[RegionMeasurement], scanner: str) -> NDArray[np.float64]:
    """Return the values in the estimator's order, shape (1, columns), harmonised where the signature does so."""
    values = taken_values(signature, regions, scanner)
    if absent := [column for column in signature.columns if not np.isfinite(values.get(column, np.nan))]:
        reasons = {f"{r.region.value}_{name}": why for r in regions for name, why in r.missing.items()}
        reasons |= dict.fromkeys(own_of(absent), "a column of the study's own, which no image states")
        why = f" ({reasons[absent[0]]})" if absent[0] in reasons else ""
        raise RejectedInput(
            Reason.FEATURE_NOT_COMPUTABLE,
            f"{len(absent)} of {len(signature.columns)} features of the signature cannot be computed: "
            f"{some(absent)}{why}",
        )
    return np.array([[values[column] for column in signature.columns]], dtype=np.float64)


def _decompose(forest: Forest, row: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
    """Return the forest's mean and each column's effect, which add up to its score for this row.

    Along the decision path of a row through a tree, the share of hot cases changes at every node; the change is
    attributed to the column that the node tests (Saabas, "Interpreting random forests", 2014).
    """
    hot = forest.hot_share
    paths = forest.decision_paths(row)
    effects = np.zeros(row.shape[1])
    np.add.at(effects, forest.feature[paths[:, :-1]], np.diff(hot[paths], axis=1))
    mean = np.add.accumulate(hot[forest.roots])[-1]  # in the order of the trees
    return float(mean) / len(forest.roots), effects / len(forest.roots)
