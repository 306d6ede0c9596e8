"""The events that radtme audits, each as the message that PS3.15 section A.5.3 specifies."""

import os
import pwd
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from listener.audit import codes
from listener.audit.message import AuditMessage, EventAction, EventOutcome, Instances, Participant, Subject, SubjectKind

if TYPE_CHECKING:
    from pydicom import Dataset


@dataclass(frozen=True)
class AuditedPatient:
    """The patient of a study, from the headers of its objects; empty where they cannot be read."""

    id: str = ""
    name: str = ""


@dataclass(frozen=True)
class AuditedStudy:
    """A study, and those of its instances that an event concerns."""

    uid: str
    patient: AuditedPatient
    instances: tuple[Instances, ...] = ()
    accession_number: str = ""

    def subjects(self) -> tuple[Subject, ...]:
        """Return the study and the patient as the participant objects of an event."""
        return (
            Subject(
                SubjectKind.STUDY,
                codes.STUDY_INSTANCE_UID,
                self.uid,
                instances=self.instances,
                accession_number=self.accession_number,
            ),
            Subject(SubjectKind.PATIENT, codes.PATIENT_NUMBER, self.patient.id, self.patient.name),
        )


@dataclass(frozen=True)
class Node:
    """One end of a transfer: a peer, or this system."""

    name: str
    """Its AE title or URL."""
    address: str = ""
    """Its IP address or host name."""


@dataclass(frozen=True)
class SignatureUsed:
    """The signature that scored a case, or that is active now."""

    name: str
    digest: str

    def subject(self, details: Mapping[str, str]) -> Subject:
        """Return it as the participant object of an event."""
        return Subject(SubjectKind.PROCESSING_ELEMENT, codes.SIGNATURE_DIGEST, self.digest, self.name, details)


def application_activity(part: str, ae_titles: Sequence[str], *, started: bool) -> AuditMessage:
    """A process of radtme has started, or is shutting down cleanly (A.5.3.1)."""
    application = Participant(
        process_id(part), codes.APPLICATION, False, f"AETITLES={';'.join(ae_titles)}", node=socket.gethostname()
    )
    kind = codes.APPLICATION_START if started else codes.APPLICATION_STOP
    return AuditMessage(codes.APPLICATION_ACTIVITY, EventAction.EXECUTE, (application, launcher()), (kind,))


def begin_transferring(source: Node, destination: Node, study: AuditedStudy, *, sends: bool) -> AuditMessage:
    """The transfer of instances from ``source`` to ``destination`` begins (A.5.3.3); ``sends``: we are the source."""
    participants = _ends(source, destination, sends=sends)
    return AuditMessage(codes.BEGIN_TRANSFERRING, EventAction.EXECUTE, participants, subjects=study.subjects())


def instances_transferred(
    source: Node, destination: Node, study: AuditedStudy, *, sends: bool, failure: str = "", final: bool = False
) -> AuditMessage:
    """Instances were transferred from ``source`` to ``destination``, or refused with ``failure`` (A.5.3.7)."""
    refused = EventOutcome.SERIOUS_FAILURE if final else EventOutcome.MINOR_FAILURE
    return AuditMessage(
        codes.INSTANCES_TRANSFERRED,
        EventAction.READ if sends else EventAction.CREATE,
        _ends(source, destination, sends=sends),
        outcome=refused if failure else EventOutcome.SUCCESS,
        outcome_description=failure,
        subjects=study.subjects(),
    )


def case_scored(study: AuditedStudy, signature: SignatureUsed | None, findings: Mapping[str, str]) -> AuditMessage:
    """The instances of a case were read, and scored or not with ``signature``; ``study`` lists what came of it."""
    subjects = study.subjects()
    if signature is not None:
        subjects = (*subjects, signature.subject(findings))
    return AuditMessage(
        codes.INSTANCES_ACCESSED,
        EventAction.CREATE,
        (Participant(process_id("workers"), codes.APPLICATION, True, node=socket.gethostname()),),
        (codes.SCORING,),
        outcome_description="; ".join(f"{name} {value}" for name, value in findings.items()),
        subjects=subjects,
    )


def case_steered(study: AuditedStudy, kind: codes.Code, job_id: str, why: str, failure: str = "") -> AuditMessage:
    """A person decided about a case: ``kind`` is the decision, ``failure`` why it could not be carried out."""
    text = "; ".join(part for part in (job_id, why, failure) if part)
    return AuditMessage(
        codes.INSTANCES_ACCESSED,
        EventAction.UPDATE,
        (launcher(role=None),),
        (kind,),
        EventOutcome.SERIOUS_FAILURE if failure else EventOutcome.SUCCESS,
        text,
        study.subjects(),
    )


def study_deleted(study: AuditedStudy, why: str) -> AuditMessage:
    """A study is removed from the spool together with its jobs and results (A.5.3.8)."""
    return AuditMessage(
        codes.STUDY_DELETED,
        EventAction.DELETE,
        (launcher(role=None),),
        outcome_description=why,
        subjects=study.subjects(),
    )


def node_rejected(peer: Node, called: str, reason: str, times: int = 1) -> AuditMessage:
    """A peer was rejected (A.5.3.12, Node Authentication); ``times``: how many rejections the message covers."""
    more = f", {times} times since the last message about it" if times > 1 else ""
    return AuditMessage(
        codes.SECURITY_ALERT,
        EventAction.EXECUTE,
        (
            Participant(process_id("listener"), None, True, node=socket.gethostname()),
            Participant(peer.name or "unknown", None, False, node=peer.address),
        ),
        (codes.NODE_AUTHENTICATION,),
        EventOutcome.SERIOUS_FAILURE,
        reason + more,
        (_alert_subject(codes.NODE_ID, called, f"{reason}{more}"),),
    )


def configuration_changed(part: str, what: str, changes: Sequence[str]) -> AuditMessage:
    """The configuration has changed since the last start or reload (A.5.3.12, Security Configuration)."""
    return _alert(part, codes.SECURITY_CONFIGURATION, what, changes)


def software_changed(part: str, what: str, changes: Sequence[str], *, failed: bool = False) -> AuditMessage:
    """The program version or the active signature has changed (A.5.3.12, Software Configuration)."""
    return _alert(
        part,
        codes.SOFTWARE_CONFIGURATION,
        what,
        changes,
        EventOutcome.SERIOUS_FAILURE if failed else EventOutcome.SUCCESS,
    )


def audit_recording(part: str, *, started: bool) -> AuditMessage:
    """The audit trail was switched on or off (A.5.3.12)."""
    kind = codes.AUDIT_RECORDING_STARTED if started else codes.AUDIT_RECORDING_STOPPED
    return _alert(part, kind, "audit.enabled", [str(started).lower()])


def audit_log_used(folder: str) -> AuditMessage:
    """Someone read the audit trail (A.5.3.2)."""
    log = Subject(SubjectKind.SECURITY_RESOURCE, codes.URI, f"file://{folder}", "Security Audit Log")
    return AuditMessage(codes.AUDIT_LOG_USED, EventAction.READ, (launcher(role=None),), subjects=(log,))


def launcher(role: codes.Code | None = codes.APPLICATION_LAUNCHER) -> Participant:
    """Return the user account that this process runs under."""
    user = acting_user()
    return Participant(user, role, True, _account() if user != _account() else "", node=socket.gethostname())


def acting_user() -> str:
    """Return the name of the user account that this process runs under."""
    return os.environ.get("SUDO_USER") or _account()


def process_id(part: str) -> str:
    """Return the identity of this process as a participant."""
    return f"radtme-{part}/{os.getpid()}"


def _alert(
    part: str, kind: codes.Code, what: str, details: Sequence[str], outcome: EventOutcome = EventOutcome.SUCCESS
) -> AuditMessage:
    text = "; ".join(details)
    return AuditMessage(
        codes.SECURITY_ALERT,
        EventAction.EXECUTE,
        (launcher(role=None), Participant(process_id(part), codes.APPLICATION, False, node=socket.gethostname())),
        (kind,),
        outcome,
        text,
        (_alert_subject(codes.URI, what, text),),
    )


def _alert_subject(id_type: codes.Code, what: str, description: str) -> Subject:
    return Subject(SubjectKind.SECURITY_RESOURCE, id_type, what, what, {"Alert Description": description})


def _ends(source: Node, destination: Node, *, sends: bool) -> tuple[Participant, Participant]:
    part = process_id("delivery" if sends else "listener")
    return (
        Participant(source.name, codes.SOURCE, True, part if sends else "", node=source.address),
        Participant(destination.name, codes.DESTINATION, False, "" if sends else part, node=destination.address),
    )


def _account() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid {os.getuid()}"


def patient_of(header: "Dataset", character_set: str = "") -> AuditedPatient:
    """Return the patient of an object; ``character_set`` is its sender's, for an object that declares none."""
    from listener.dicom.patient_texts import shown_text  # pydicom: without an audit trail no header is read

    try:
        return AuditedPatient(*(shown_text(header, keyword, character_set) for keyword in ("PatientID", "PatientName")))
    except (ValueError, LookupError):  # elements that cannot be decoded: the patient is audited as unknown
        return AuditedPatient()
