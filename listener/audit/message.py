"""Audit messages as XML, by the schema of PS3.15 section A.5.1: one message is one line of text.

A message may hold a patient's name and id, where the Standard asks for them: it goes to the audit trail and nowhere
else.
"""

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum, IntEnum
from xml.etree.ElementTree import Element, SubElement, tostring

from listener.audit.codes import Code

_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that an XML 1.0 document must not contain, escaped or not."""
_ADDRESS = re.compile(r"[0-9.]+|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.%\w]*")
FEW = 10
"""Instances of a SOP class are listed by UID up to this number; above it, only their number is given."""


class EventAction(Enum):
    """EventActionCode."""

    CREATE = "C"
    READ = "R"
    UPDATE = "U"
    DELETE = "D"
    EXECUTE = "E"


class EventOutcome(IntEnum):
    """EventOutcomeIndicator."""

    SUCCESS = 0
    MINOR_FAILURE = 4
    """The request was refused and may be repeated."""
    SERIOUS_FAILURE = 8
    """It was refused permanently."""


@dataclass(frozen=True)
class Participant:
    """ActiveParticipant: a person, process or node that took part."""

    user_id: str
    role: Code | None = None
    is_requestor: bool = False
    alternative_user_id: str = ""
    user_name: str = ""
    node: str = ""
    """Address or host name (NetworkAccessPointID)."""


@dataclass(frozen=True)
class Instances:
    """The instances of one SOP class that an event concerns."""

    sop_class_uid: str
    number: int
    uids: tuple[str, ...] = ()
    """Their UIDs, where there are few."""


class SubjectKind(Enum):
    """ParticipantObjectTypeCode and ParticipantObjectTypeCodeRole."""

    PATIENT = ("1", "1")
    STUDY = ("2", "3")
    SECURITY_RESOURCE = ("2", "13")
    PROCESSING_ELEMENT = ("2", "26")


@dataclass(frozen=True)
class Subject:
    """ParticipantObjectIdentification: what was acted on."""

    kind: SubjectKind
    id_type: Code
    id: str
    name: str = ""
    details: Mapping[str, str] = field(default_factory=dict)
    instances: tuple[Instances, ...] = ()
    accession_number: str = ""


@dataclass(frozen=True)
class AuditMessage:
    """One event with its participants and participant objects."""

    event: Code
    action: EventAction
    participants: tuple[Participant, ...]
    event_types: tuple[Code, ...] = ()
    outcome: EventOutcome = EventOutcome.SUCCESS
    outcome_description: str = ""
    subjects: tuple[Subject, ...] = ()
    at: datetime = field(default_factory=lambda: datetime.now(UTC))

    def to_xml(self, source_id: str, site_id: str = "") -> str:
        """Return the message in one line; whatever a peer put into its names stays text."""
        root = Element("AuditMessage")
        event = SubElement(
            root,
            "EventIdentification",
            EventActionCode=self.action.value,
            EventDateTime=self.at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            EventOutcomeIndicator=str(self.outcome.value),
        )
        _add_code(event, "EventID", self.event)
        for event_type in self.event_types:
            _add_code(event, "EventTypeCode", event_type)
        if self.outcome_description:
            SubElement(event, "EventOutcomeDescription").text = " ".join(clean(self.outcome_description).split())
        for participant in self.participants:
            _add_participant(root, participant)
        source = SubElement(root, "AuditSourceIdentification", AuditSourceID=clean(source_id))
        if site_id:
            source.set("AuditEnterpriseSiteID", clean(site_id))
        # 4: an application server process (PS3.15 table A.5.1-1)
        SubElement(source, "AuditSourceTypeCode", {"csd-code": "4"})
        for subject in self.subjects:
            _add_subject(root, subject)
        return tostring(root, encoding="unicode")


def clean(text: str) -> str:
    """Return ``text`` with what XML cannot hold replaced by U+FFFD."""
    return _NOT_IN_XML.sub("\ufffd", text)


def is_address(node: str) -> bool:
    """Tell an IP address from a host name."""
    return _ADDRESS.fullmatch(node) is not None


def _add_code(parent: Element, name: str, code: Code) -> None:
    SubElement(
        parent, name, {"csd-code": code.value, "codeSystemName": code.scheme, "originalText": clean(code.meaning)}
    )


def _add_participant(root: Element, participant: Participant) -> None:
    element = SubElement(root, "ActiveParticipant", UserID=clean(participant.user_id))
    if participant.alternative_user_id:
        element.set("AlternativeUserID", clean(participant.alternative_user_id))
    if participant.user_name:
        element.set("UserName", clean(participant.user_name))
    element.set("UserIsRequestor", str(participant.is_requestor).lower())
    if participant.node:
        element.set("NetworkAccessPointID", clean(participant.node))
        element.set("NetworkAccessPointTypeCode", "2" if is_address(participant.node) else "1")
    if participant.role is not None:
        _add_code(element, "RoleIDCode", participant.role)


def _add_subject(root: Element, subject: Subject) -> None:
    type_code, role = subject.kind.value
    element = SubElement(
        root,
        "ParticipantObjectIdentification",
        ParticipantObjectID=clean(subject.id),
        ParticipantObjectTypeCode=type_code,
        ParticipantObjectTypeCodeRole=role,
    )
    _add_code(element, "ParticipantObjectIDTypeCode", subject.id_type)
    SubElement(element, "ParticipantObjectName").text = " ".join(clean(subject.name).split())
    for name, value in subject.details.items():
        encoded = base64.b64encode(value.encode(errors="replace")).decode()
        SubElement(element, "ParticipantObjectDetail", type=clean(name), value=encoded)
    if subject.instances or subject.accession_number:
        description = SubElement(element, "ParticipantObjectDescription")
        if subject.accession_number:
            SubElement(description, "Accession", Number=clean(subject.accession_number))
        for instances in subject.instances:
            sop_class = SubElement(
                description, "SOPClass", UID=clean(instances.sop_class_uid), NumberOfInstances=str(instances.number)
            )
            for uid in instances.uids[:FEW]:
                SubElement(sop_class, "Instance", UID=clean(uid))
