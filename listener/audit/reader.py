"""What `radtme audit` shows: the messages of the trail, read back from its files."""

import base64
import binascii
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from xml.etree.ElementTree import Element, ParseError, fromstring

from listener.audit.codes import EVENTS, PATIENT_NUMBER, STUDY_INSTANCE_UID
from listener.audit.trail import BOM, audit_files

EVENT_NAMES = {code.meaning.lower().replace(" ", "-"): code.value for code in EVENTS}
"""What ``--event`` takes, beside the codes."""


@dataclass(frozen=True)
class AuditEntry:
    """One message of the trail in readable form."""

    at: datetime
    event_code: str
    event: str
    kinds: tuple[str, ...]
    outcome: str
    description: str
    who: tuple[str, ...]
    """Each participant with its role and network address; the requestor comes first."""
    studies: tuple[str, ...]
    patients: tuple[str, ...]
    """ID and name, where the message has them."""
    objects: tuple[str, ...]
    """The other participant objects."""
    instances: int
    details: dict[str, str]


def read_entries(
    folder: Path, wanted: Callable[[AuditEntry], bool], unreadable: Callable[[str], None]
) -> Iterator[AuditEntry]:
    """Yield the wanted messages, the oldest first; ``unreadable`` is called with the position of an invalid line."""
    for path in audit_files(folder):
        with open(path, "rb") as file:
            for number, line in enumerate(file, 1):
                try:
                    entry = _entry(_parsed(line.decode()))
                except (ValueError, ParseError, KeyError):
                    unreadable(f"{path.name}:{number}")
                    continue
                if wanted(entry):
                    yield entry


def _parsed(line: str) -> Element:
    _, bom, xml = line.partition(BOM)
    if not bom or "<!" in xml:  # we never write a declaration, so none has to be expanded
        raise ValueError("no audit message")
    return fromstring(xml)  # noqa: S314


def _entry(message: Element) -> AuditEntry:
    event = message.find("EventIdentification")
    if event is None:
        raise ValueError("no EventIdentification")
    identifier = _child(event, "EventID")
    subjects = [(_child(one, "ParticipantObjectIDTypeCode").attrib, one) for one in message.findall(_SUBJECT)]
    participants = sorted(message.findall("ActiveParticipant"), key=lambda one: one.get("UserIsRequestor") != "true")

    def of(kind: str) -> list[Element]:
        return [subject for code, subject in subjects if code["csd-code"] == kind]

    known = {STUDY_INSTANCE_UID.value, PATIENT_NUMBER.value}
    return AuditEntry(
        at=datetime.fromisoformat(event.attrib["EventDateTime"]),
        event_code=identifier.attrib["csd-code"],
        event=identifier.attrib["originalText"],
        kinds=tuple(kind.attrib["originalText"] for kind in event.findall("EventTypeCode")),
        outcome=_OUTCOMES.get(event.attrib["EventOutcomeIndicator"], "?"),
        description=event.findtext("EventOutcomeDescription") or "",
        who=tuple(_participant(one) for one in participants),
        studies=tuple(one.attrib["ParticipantObjectID"] for one in of(STUDY_INSTANCE_UID.value)),
        patients=tuple(_named(one) for one in of(PATIENT_NUMBER.value)),
        objects=tuple(_named(one) for code, one in subjects if code["csd-code"] not in known),
        instances=sum(int(one.attrib["NumberOfInstances"]) for one in message.iter("SOPClass")),
        details={one.attrib["type"]: _decoded(one.attrib["value"]) for one in message.iter("ParticipantObjectDetail")},
    )


_SUBJECT = "ParticipantObjectIdentification"
_OUTCOMES = {"0": "ok", "4": "failed", "8": "refused", "12": "unavailable"}


def _child(element: Element, name: str) -> Element:
    child = element.find(name)
    if child is None:
        raise ValueError(f"no {name}")
    return child


def _participant(participant: Element) -> str:
    node = participant.get("NetworkAccessPointID", "")
    name = participant.attrib["UserID"]
    return f"{name}@{node}" if node else name


def _named(subject: Element) -> str:
    identifier, name = subject.attrib["ParticipantObjectID"], subject.findtext("ParticipantObjectName") or ""
    return f"{name} ({identifier})" if name and name != identifier else identifier


def _decoded(value: str) -> str:
    try:
        return base64.b64decode(value, validate=True).decode("utf-8", "replace")
    except binascii.Error:
        return value
