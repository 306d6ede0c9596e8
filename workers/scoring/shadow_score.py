"""The shadow's score of a case: stored with the result, never sent, and without effect on the case.

It is computed after the case is decided, from the features that were measured for it.
"""

from dataclasses import replace

from listener.runtime.logger import Logger
from model_store.errors import SignatureError
from model_store.signatures.canary import hot_probability
from model_store.signatures.shadow import Shadow, require_same_profile
from model_store.signatures.signature import Signature
from workers.errors import RejectedInput
from workers.scoring.case_result import CaseResult, Phenotype, Score, SignatureIdentity
from workers.scoring.score import feature_row
from workers.scoring.shadow_record import ShadowOutcome, ShadowRecord

log = Logger(__name__)


def shadow_record(shadow: Shadow, result: CaseResult) -> ShadowRecord | None:
    """Return the shadow's outcome; None without a shadow, or where the case has no score.

    Any exception in a shadow becomes a record, because the case is already decided without it.
    This includes the end of the task's time limit.
    """
    name = None
    try:
        current = shadow.current()
        if current is None or result.score is None or result.signature is None:
            return None
        name = current.name
        signature, active = shadow.signature(), shadow.registry.active()
        if signature is None:
            return None
        _require_scored_by(active, result.signature)
        return _record(signature, active, result.score, result)
    except Exception as error:  # noqa: BLE001
        # Only our own errors are known not to quote an element in their text.
        why = str(error) if isinstance(error, SignatureError) else type(error).__name__
        log.warning("shadow_failed", error=why)
        return ShadowRecord(outcome=ShadowOutcome.FAILED, name=name, error=why)


def _require_scored_by(active: Signature, scored_by: SignatureIdentity) -> None:
    if active.digest != scored_by.digest:
        raise SignatureError("another signature was activated while the case was scored")


def _record(signature: Signature, active: Signature, score: Score, result: CaseResult) -> ShadowRecord:
    require_same_profile(active, signature)
    known = ShadowRecord(
        outcome=ShadowOutcome.NOT_SCORED, name=signature.name, digest=signature.digest, beside=active.digest
    )
    try:
        row = feature_row(signature, result.regions, result.scanner)
    except RejectedInput as rejection:
        return replace(known, error=str(rejection))
    probability = float(hot_probability(signature.estimator, row)[0])
    is_hot = probability >= signature.threshold
    return replace(
        known,
        outcome=ShadowOutcome.AGREES if is_hot == score.is_hot else ShadowOutcome.DIFFERS,
        hot_probability=probability,
        threshold=signature.threshold,
        phenotype=Phenotype.HOT if is_hot else Phenotype.COLD,
        difference=probability - score.hot_probability,
    )
