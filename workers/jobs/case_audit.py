"""The workers' audit messages: scored cases with their signature, and transfers of results."""

from collections.abc import Iterator

from pydicom import Dataset

from listener.audit.events import AuditedStudy, SignatureUsed, case_scored, patient_of
from listener.audit.trail import AuditLog
from listener.runtime.logger import Logger
from listener.spool.job_record import JobRecord
from workers.results.result_record import ResultRecord, ScoreRecord
from workers.scoring.case_result import shown_score
from workers.targets.audited_transport import _by_class

DIGITS = 4
"""Decimal places of a score, at least."""

log = Logger(__name__)


def scored(audit: AuditLog, job: JobRecord, seg_header: Dataset, record: ResultRecord) -> None:
    """Audit the result of a case, before it can be seen.

    Raises
    ------
    NotAudited
        If the message cannot be written: then the results are not delivered.
    """
    if not audit.is_on:
        return
    known = record.signature
    study = AuditedStudy(
        job.study_uid,
        patient_of(seg_header, audit.character_set_of(job.calling_ae_title)),
        _by_class(list(record.references.values())),
    )
    signature = SignatureUsed(f"{known.id} {known.version}", known.digest) if known else None
    audit.write(case_scored(study, signature, dict(_findings(record))))


def _findings(record: ResultRecord) -> Iterator[tuple[str, str]]:
    yield "job", record.job_id
    yield "outcome", record.outcome.value
    yield "outline", record.seg.sop_instance_uid
    if record.score is not None:
        score, threshold = shown_score(record.score.hot_probability, record.score.threshold, DIGITS)
        yield "score", score
        yield "threshold", threshold
        yield "phenotype", record.score.phenotype.value
        yield from _certainty(record.score)
    if record.rejection is not None:
        yield "reason", record.rejection.reason.value
    if record.warnings:
        yield "warnings", " ".join(record.warnings)
    if record.withheld:
        yield "not sent to", " | ".join(f"{target} ({why})" for target, why in record.withheld.items())


def _certainty(score: ScoreRecord) -> Iterator[tuple[str, str]]:
    """Yield the known details of how certain the verdict is."""
    if score.tendency is not None:
        yield "tendency", score.tendency.value
    if score.prediction_set is not None:
        yield "prediction set", score.prediction_set.value
    if score.stability is not None:
        ends = (shown_score(end, score.threshold, DIGITS)[0] for end in (score.stability.low, score.stability.high))
        yield "redrawn outlines", " to ".join(ends)
