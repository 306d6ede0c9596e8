"""Audits what a person decides about a case, before it takes effect: it changes what a radiologist gets."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.configuration.change_audit import cannot_audit
from deploy.configuration.settings import Configuration
from deploy.errors import CommandError
from listener.audit.codes import Code
from listener.audit.events import AuditedPatient, AuditedStudy, case_steered, patient_of
from listener.audit.trail import AuditLog, NotAudited
from listener.spool.jobs import Job
from listener.spool.spool import Spool


@contextmanager
def steering(configuration: Configuration, spool: Spool, job: Job, kind: Code, why: str) -> Iterator[None]:
    """Audit the decision and its author, then run the block; audit its failure, too.

    Raises
    ------
    CommandError
        If the audit trail cannot be written: then nothing is done.
    """
    log = AuditLog(configuration.audit)
    try:
        study = _study(spool, job, log) if log.is_on else None
        if study is not None:
            log.write(case_steered(study, kind, job.id, why))
        try:
            yield
        except CommandError as error:
            if study is not None:
                log.write(case_steered(study, kind, job.id, why, failure=str(error)))
            raise
    except NotAudited as error:
        raise cannot_audit(configuration, error) from error


def study_on_disk(study_uid: str, folder: Path, log: AuditLog) -> AuditedStudy:
    """Return a study and its patient, from the first of its objects that can be read."""
    for path in sorted(folder.glob("*/*.dcm")):
        patient = _patient(path, log.character_set_of(None))
        if patient is not None:
            return AuditedStudy(study_uid, patient)
    return AuditedStudy(study_uid, AuditedPatient())


def _patient(path: Path, character_set: str) -> AuditedPatient | None:
    from listener.dicom.data_set import read_attributes  # pydicom: without an audit trail no header is read

    header = read_attributes(path, "PatientID", "PatientName")
    return None if header is None else patient_of(header, character_set)


def _study(spool: Spool, job: Job, log: AuditLog) -> AuditedStudy:
    """Return the patient of a case, as far as its files say."""
    record = job.record
    path = spool.instance_path(record.study_uid, record.seg.series_uid, record.seg.sop_instance_uid)
    return AuditedStudy(
        record.study_uid, _patient(path, log.character_set_of(record.calling_ae_title)) or AuditedPatient()
    )
