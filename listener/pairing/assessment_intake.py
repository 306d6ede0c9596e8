"""Notes which delivered results a received document assesses, and how."""

from datetime import UTC, datetime

from listener.dicom.data_set import read_attributes
from listener.ledger.reader_assessments import Assessment, ReaderAssessment, note_assessment, results_among
from listener.pairing.assessment_document import Judgement
from listener.runtime.logger import Logger
from listener.spool.spool import Spool

log = Logger(__name__)
SHOWN_CODES = 20


def note_judgement(spool: Spool, found: Judgement, sop_instance_uid: str, calling_ae_title: str) -> None:
    """Note the assessment of each delivered result that a document refers to; other objects are of no concern.

    A document that does so without a known code is logged with its codes: a site sees what its viewer writes. One of
    our own results, which a PACS may send back, is passed over.

    Raises
    ------
    LedgerUnavailable
        If it cannot be noted now: the sender sends the document again.
    """
    results = results_among(spool.ledger, found.sop_instance_uids)
    if results and not found.code:
        if not results_among(spool.ledger, frozenset((sop_instance_uid,))):
            log.info("assessment_not_understood", jobs=sorted(results), codes=list(found.codes[:SHOWN_CODES]))
        return
    for job_id, roles in results.items():
        assessment = found.assessment or _of_copy(spool, job_id, roles, found)
        if assessment is None:
            log.warning("assessment_not_compared", job=job_id, sop_instance_uid=sop_instance_uid)
            continue
        noted = ReaderAssessment(
            job_id=job_id,
            sop_instance_uid=sop_instance_uid,
            assessment=assessment,
            code=found.code,
            roles=roles,
            reader=found.reader,
            calling_ae_title=calling_ae_title,
            at=datetime.now(UTC),
        )
        if note_assessment(spool.ledger, noted):
            log.info("result_assessed", job=job_id, assessment=assessment.value, code=found.code, roles=list(roles))


def _of_copy(spool: Spool, job_id: str, roles: tuple[str, ...], found: Judgement) -> Assessment | None:
    """Return whether a verified copy has the content of our report; None where ours is gone or cannot be read."""
    job = spool.find_job(job_id)
    paths = [job.folder / "objects" / f"{role}.dcm" for role in roles] if job is not None else []
    ours = [
        report.get("ContentSequence") or [] for path in paths if (report := read_attributes(path, "ContentSequence"))
    ]
    if not ours:
        return None
    return Assessment.ACCEPTED if list(found.content) in map(list, ours) else Assessment.MODIFIED
