"""The quarantine for people: what lies there, who sent it, when and why, and how one object is removed."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from deploy.configuration.change_audit import cannot_audit
from deploy.configuration.settings import Configuration
from deploy.errors import CommandError
from deploy.operations.removal import remove_from_quarantine
from listener.audit.events import AuditedPatient, AuditedStudy, patient_of, study_deleted
from listener.audit.trail import AuditLog, NotAudited
from listener.spool.record_file import UnreadableRecord, read_record
from listener.spool.spool import QuarantineReason, Spool


@dataclass(frozen=True)
class QuarantinedObject:
    """An object in quarantine. Holds nothing of its header but UIDs."""

    name: str
    path: Path
    bytes: int
    since: datetime
    reason: QuarantineReason

    @property
    def why(self) -> str:
        """The reason in words."""
        return ": ".join(filter(None, (self.reason.reason.replace("_", " "), self.reason.message)))

    @property
    def sender(self) -> str:
        """The calling AE title of the sender, as far as it is known."""
        return self.reason.calling_ae_title or "unknown sender"


def quarantined_objects(spool: Spool) -> tuple[QuarantinedObject, ...]:
    """Return all of them, the newest first."""
    found = list(_objects(spool))
    return tuple(sorted(found, key=lambda one: one.since, reverse=True))


def find_quarantined(spool: Spool, name: str) -> QuarantinedObject:
    """Return the object of this name, or the only one whose name begins so.

    Raises
    ------
    CommandError
        If there is none, or more than one.
    """
    every = quarantined_objects(spool)
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
            log.write(study_deleted(_study(one, log), f"quarantine: object {one.name} dropped: {why}"))
    except NotAudited as error:
        raise cannot_audit(configuration, error) from error
    remove_from_quarantine(spool, one.name)


def _objects(spool: Spool) -> Iterator[QuarantinedObject]:
    for path in spool.quarantine.glob("*.json"):
        with suppress(OSError, UnreadableRecord):
            reason, content = read_record(QuarantineReason, path), path.with_suffix(".dcm")
            written = reason.at or datetime.fromtimestamp(path.stat().st_mtime, UTC)
            yield QuarantinedObject(path.stem, content, content.stat().st_size, written, reason)


def _study(one: QuarantinedObject, log: AuditLog) -> AuditedStudy:
    """Return study and patient as far as the object can be read."""
    from listener.dicom.data_set import read_attributes

    header = read_attributes(one.path, "StudyInstanceUID", "PatientID", "PatientName")
    if header is None:
        return AuditedStudy("", AuditedPatient())
    character_set = log.character_set_of(one.reason.calling_ae_title or None)
    return AuditedStudy(str(header.get("StudyInstanceUID", "")), patient_of(header, character_set))
