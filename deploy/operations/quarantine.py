"""The quarantine for people: what lies there, who sent it, when and why, and how one object is removed."""

from pathlib import Path

from deploy.configuration.change_audit import cannot_audit
from deploy.configuration.settings import Configuration
from deploy.errors import CommandError
from listener.audit.events import AuditedPatient, AuditedStudy, patient_of, study_deleted
from listener.audit.trail import AuditLog, NotAudited
from listener.ledger.quarantine import QuarantinedObject, read_quarantined
from listener.spool.quarantined import remove_from_quarantine
from listener.spool.spool import Spool


def in_words(one: QuarantinedObject) -> str:
    """Return why an object lies in quarantine, in words."""
    return ": ".join(filter(None, (one.reason.reason.replace("_", " "), one.reason.message)))


def sender_of(one: QuarantinedObject) -> str:
    """Return the calling AE title of the sender, as far as it is known."""
    return one.reason.calling_ae_title or "unknown sender"


def path_of(spool: Spool, one: QuarantinedObject) -> Path:
    """Return the file of an object."""
    return spool.quarantine / f"{one.name}.dcm"


def find_quarantined(spool: Spool, name: str) -> QuarantinedObject:
    """Return the object of this name, or the only one whose name begins so.

    Raises
    ------
    CommandError
        If there is none, or more than one.
    """
    every = read_quarantined(spool.ledger)
    found = [one for one in every if one.name == name] or [one for one in every if one.name.startswith(name)]
    if len(found) != 1:
        how_many = f"{len(found)} objects" if found else "no object"
        raise CommandError(f"{how_many} in quarantine with the name {name}", "radtme quarantine list names them")
    return found[0]


def drop_quarantined(configuration: Configuration, spool: Spool, one: QuarantinedObject, why: str) -> None:
    """Remove an object for ever, once that is audited.

    Raises
    ------
    CommandError
        If the audit trail cannot be written: then nothing is removed.
    """
    log = AuditLog(configuration.audit)
    try:
        if log.is_on:
            log.write(study_deleted(_study(spool, one, log), f"quarantine: object {one.name} dropped: {why}"))
    except NotAudited as error:
        raise cannot_audit(configuration, error) from error
    remove_from_quarantine(spool, [one.name])


def _study(spool: Spool, one: QuarantinedObject, log: AuditLog) -> AuditedStudy:
    """Return study and patient as far as the object can be read."""
    from listener.dicom.data_set import read_attributes

    header = read_attributes(path_of(spool, one), "StudyInstanceUID", "PatientID", "PatientName")
    if header is None:
        return AuditedStudy("", AuditedPatient())
    character_set = log.character_set_of(one.reason.calling_ae_title or None)
    return AuditedStudy(str(header.get("StudyInstanceUID", "")), patient_of(header, character_set))
