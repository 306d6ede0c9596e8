"""Audit messages, validated against the schema of PS3.15 section A.5.1 by a foreign validator."""

import shutil
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from xml.etree.ElementTree import Element, fromstring

import pytest

from listener.audit import events
from listener.audit.events import AuditedPatient, AuditedStudy, Node, SignatureUsed
from listener.audit.message import AuditMessage, Instances

SCHEMA = Path(__file__).parents[2] / "reference" / "dicom_audit_message.rng"
HOSTILE = "A\"><script>&amp;\x00\x1b\n\t\u2028\ud800\ufffe]]>'ÄÖ 山田"
STUDY = AuditedStudy(
    HOSTILE,
    AuditedPatient(HOSTILE, HOSTILE),
    (Instances("1.2.840.10008.5.1.4.1.1.4", 3, ("1.2.3",)),),
    accession_number="A1",
)
PEER, OURSELVES = Node(HOSTILE, "192.0.2.7"), Node("RADTME", "host.example")

MESSAGES: dict[str, Callable[[], AuditMessage]] = {
    "start": lambda: events.application_activity("listener", ["RADTME", HOSTILE], started=True),
    "stop": lambda: events.application_activity("workers", [], started=False),
    "begin": lambda: events.begin_transferring(PEER, OURSELVES, STUDY, sends=False),
    "received": lambda: events.instances_transferred(PEER, OURSELVES, STUDY, sends=False),
    "refused": lambda: events.instances_transferred(PEER, OURSELVES, STUDY, sends=True, failure=HOSTILE, final=True),
    "nothing known": lambda: events.instances_transferred(
        PEER, OURSELVES, AuditedStudy("", AuditedPatient()), sends=False
    ),
    "scored": lambda: events.case_scored(STUDY, SignatureUsed("s 1.0.0", "ab" * 32), {"outcome": HOSTILE}),
    "not scored": lambda: events.case_scored(STUDY, None, {"reason": "x"}),
    "rejected": lambda: events.node_rejected(Node(HOSTILE, "2001:db8::1"), HOSTILE, "calling_ae_title", 12),
    "configuration": lambda: events.configuration_changed("up", "file:///a b", [f"listener.port: 1 -> {HOSTILE}"]),
    "signature": lambda: events.software_changed("signature", "radtme:signature:x", ["activate x"], failed=True),
    "switched off": lambda: events.audit_recording("up", started=False),
    "read": lambda: events.audit_log_used("/var/lib/radtme/audit"),
}


def parsed(xml: str) -> Element:
    """Return the root of a message of ours."""
    return fromstring(xml)  # noqa: S314


@pytest.mark.skipif(shutil.which("xmllint") is None, reason="needs xmllint (libxml2-utils)")
@pytest.mark.parametrize("kind", MESSAGES)
def test_message_is_valid_by_the_schema_of_the_standard(kind: str, tmp_path: Path) -> None:
    """Whatever peers put into their names and objects, each kind of message is valid, in one line."""
    xml = MESSAGES[kind]().to_xml("source <&>", "site")
    assert "\n" not in xml
    (tmp_path / "message.xml").write_text(xml)
    checked = subprocess.run(
        ["xmllint", "--noout", "--relaxng", str(SCHEMA), str(tmp_path / "message.xml")],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert checked.returncode == 0, checked.stderr


@pytest.mark.skipif(shutil.which("xmllint") is None, reason="needs xmllint (libxml2-utils)")
def test_schema_refuses_a_message_that_is_none(tmp_path: Path) -> None:
    """The check can fail: a message without its event is not valid."""
    xml = MESSAGES["start"]().to_xml("s").replace("EventID", "EventIdentifier")
    (tmp_path / "message.xml").write_text(xml)
    command = ["xmllint", "--noout", "--relaxng", str(SCHEMA), str(tmp_path / "message.xml")]
    assert subprocess.run(command, capture_output=True, timeout=60).returncode != 0


def test_hostile_names_stay_text() -> None:
    """A peer's name stays the value of an attribute, whatever it contains: it cannot add an element."""
    root = parsed(MESSAGES["rejected"]().to_xml("s"))
    peer = root.findall("ActiveParticipant")[1]
    assert peer.attrib["UserID"].startswith('A"><script>&amp;')
    assert "\x00" not in peer.attrib["UserID"]
    assert peer.attrib["UserID"].endswith("ÄÖ 山田")
    assert not list(root.iter("script"))


def test_event_is_told_as_the_standard_codes_it() -> None:
    """Security Alert, Node Authentication, action Execute, outcome 8, UTC with a Z (PS3.15 section A.5.3)."""
    message = events.node_rejected(PEER, "RADTME", "calling_ae_title")
    event = parsed(message.to_xml("s")).find("EventIdentification")
    assert event is not None
    assert event.attrib["EventActionCode"] == "E"
    assert event.attrib["EventOutcomeIndicator"] == "8"
    assert event.attrib["EventDateTime"].endswith("Z")
    assert (datetime.now(UTC) - datetime.fromisoformat(event.attrib["EventDateTime"])).total_seconds() < 60
    codes = [(one.tag, one.attrib["csd-code"], one.attrib["codeSystemName"]) for one in event[:2]]
    assert codes == [("EventID", "110113", "DCM"), ("EventTypeCode", "110126", "DCM")]


@pytest.mark.parametrize(("node", "kind"), [("192.0.2.7", "2"), ("::1", "2"), ("pacs.example", "1"), ("10base", "1")])
def test_address_and_host_name_are_told_apart(node: str, kind: str) -> None:
    """NetworkAccessPointTypeCode is 2 for an IP address, 1 for a machine's name."""
    root = parsed(events.begin_transferring(Node("A", node), OURSELVES, STUDY, sends=False).to_xml("s"))
    source = root.find("ActiveParticipant")
    assert source is not None
    assert source.attrib["NetworkAccessPointTypeCode"] == kind
