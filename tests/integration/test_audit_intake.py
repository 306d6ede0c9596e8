"""The listener's audit trail with real associations: transfers, rejected peers, and no service without the trail."""

from dataclasses import replace
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.uid import MRImageStorage

from listener.audit.events import Node
from listener.audit.reader import AuditEntry, read_entries
from listener.audit.rejected_peers import RejectedPeers
from listener.audit.trail import AuditLog
from listener.dicom.sender_character_sets import SenderCharacterSet
from listener.scp.statuses import Status
from listener.settings import AuditSettings
from support.dicom_objects import STUDY, image, outline
from support.listening import listening, store

BEGIN, TRANSFERRED, ALERT, ACTIVITY = "110102", "110104", "110113", "110100"


def entries(folder: Path, *codes: str) -> list[AuditEntry]:
    """Return the messages with these codes."""
    broken: list[str] = []
    found = list(read_entries(folder, lambda entry: not codes or entry.event_code in codes, broken.append))
    assert not broken
    return found


@pytest.fixture
def settings(tmp_path: Path) -> AuditSettings:
    """Return the settings of a trail."""
    return AuditSettings(tmp_path / "audit")


def test_association_says_who_sent_what_of_whom(tmp_path: Path, settings: AuditSettings) -> None:
    """One message before the first object is acknowledged, one at the end with the objects; both name the patient."""
    sent = image(1)
    sent.SpecificCharacterSet, sent.PatientName, sent.PatientID = "ISO_IR 192", "Müller^Änne", "P<1>"
    with listening(tmp_path / "spool", audit=settings) as listener:
        assert store(listener.port, sent, image(2), outline([1, 2]), calling="MRI1") == [0, 0, 0]
    begin, end = entries(settings.folder, BEGIN, TRANSFERRED)
    assert (begin.event_code, end.event_code) == (BEGIN, TRANSFERRED)
    assert begin.who[0] == "MRI1@127.0.0.1"
    assert begin.who[1].startswith("RADTME@")
    assert begin.studies == end.studies == (STUDY,)
    assert begin.patients == end.patients == ("Müller^Änne (P<1>)",)
    assert (end.instances, end.outcome) == (3, "ok")
    activity = entries(settings.folder, ACTIVITY)
    assert [one.kinds for one in activity] == [("Application Start",), ("Application Stop",)]


@pytest.mark.parametrize(
    ("sender", "shown"), [("MRI1", "王小^小东"), ("MRI2", "\\xcd\\xf5\\xd0\\xa1^\\xd0\\xa1\\xb6\\xab")]
)
def test_undeclared_names_are_written_in_the_senders_letters_or_as_bytes(
    tmp_path: Path, settings: AuditSettings, sender: str, shown: str
) -> None:
    """GBK without Specific Character Set: the trail is searched by name, and a wrong name is another patient's."""
    file = tmp_path / "image.dcm"
    sent = image(1)
    sent.PatientName = "NNNN^NNNN"
    sent.save_as(file, enforce_file_format=True)
    file.write_bytes(file.read_bytes().replace(b"NNNN^NNNN", "王小^小东".encode("gbk")))
    settings = replace(settings, character_sets=(SenderCharacterSet("GBK", "MRI1"),))
    with listening(tmp_path / "spool", audit=settings) as listener:
        assert store(listener.port, dcmread(file), calling=sender) == [0]
    begin, end = entries(settings.folder, BEGIN, TRANSFERRED)
    assert begin.patients == end.patients
    assert begin.patients[0].startswith(f"{shown} (")


def test_refused_object_is_told_apart_from_kept_ones(tmp_path: Path, settings: AuditSettings) -> None:
    """Stored and refused objects have a message each (PS3.15 section A.5.2), the latter with the status."""
    other = image(1)
    other.PatientComments = "other content under the same UID"
    with listening(tmp_path / "spool", audit=settings) as listener:
        assert store(listener.port, image(1), other) == [0, Status.DUPLICATE_SOP_INSTANCE]
    kept, refused = entries(settings.folder, TRANSFERRED)
    assert (kept.outcome, kept.instances) == ("ok", 1)
    assert refused.outcome == "refused"
    assert refused.description == "objects refused: 1 with 0x0111"


def test_nothing_is_accepted_that_cannot_be_audited(tmp_path: Path, settings: AuditSettings) -> None:
    """While the trail cannot be written: 0xA700 and nothing in the spool; afterwards, the same object is accepted."""
    with listening(tmp_path / "spool", audit=settings) as listener:
        settings.folder.rename(tmp_path / "away")
        settings.folder.write_text("")
        assert store(listener.port, image(1)) == [Status.OUT_OF_RESOURCES]
        assert not list(listener.spool.studies.rglob("*.dcm"))
        value = listener.metrics.registry.get_sample_value("radtme_audit_failures_total")
        assert value is not None
        assert value >= 1
        settings.folder.unlink()
        (tmp_path / "away").rename(settings.folder)
        assert store(listener.port, image(1)) == [0]
    assert sum(one.instances for one in entries(settings.folder, TRANSFERRED) if one.outcome == "ok") == 1


def test_listener_does_not_start_unaudited(tmp_path: Path, settings: AuditSettings) -> None:
    """No trail, no service: the start fails with the reason."""
    settings.folder.write_text("")
    with pytest.raises(OSError, match="the audit trail cannot be written"), listening(tmp_path / "s", audit=settings):
        pass


def test_stranger_is_an_alert(tmp_path: Path, settings: AuditSettings) -> None:
    """An AE title that is not on the list: Node Authentication failed, with title and address."""
    with (
        listening(tmp_path / "spool", audit=settings, calling_ae_titles=("MRI1",)) as listener,
        pytest.raises(AssertionError),
    ):
        store(listener.port, image(1), calling="STRANGER")
    alert = entries(settings.folder, ALERT)[0]
    assert alert.kinds == ("Node Authentication",)
    assert alert.outcome == "refused"
    assert "STRANGER@127.0.0.1" in alert.who
    assert alert.description.startswith("calling_ae_title")


def test_flood_of_strangers_is_counted_not_written(settings: AuditSettings) -> None:
    """A thousand rejections of one peer in a minute give two messages, whose counts add up to all of them."""
    now = 1000.0
    peers = RejectedPeers(AuditLog(settings), clock=lambda: now)
    for _ in range(1000):
        peers.rejected(Node("X", "192.0.2.1"), "RADTME", "calling_ae_title")
    peers.rejected(Node("X", "192.0.2.2"), "RADTME", "calling_ae_title")
    assert len(entries(settings.folder)) == 2
    now += 61
    peers.rejected(Node("X", "192.0.2.1"), "RADTME", "calling_ae_title")
    assert "1000 times" in entries(settings.folder)[2].description
    peers.rejected(Node("X", "192.0.2.1"), "RADTME", "calling_ae_title")
    peers.end()
    assert len(entries(settings.folder)) == 4


def test_study_is_told_in_one_association_of_many_studies(tmp_path: Path, settings: AuditSettings) -> None:
    """More studies than are counted at a time: one message for each, with all of its objects."""
    objects = []
    for number in range(40):
        one = image(number)
        one.StudyInstanceUID = f"1.2.840.99.{number}"
        one.SeriesInstanceUID = f"1.2.840.99.{number}.1"
        objects.append(one)
    assert {one.SOPClassUID for one in objects} == {MRImageStorage}
    with listening(tmp_path / "spool", audit=settings) as listener:
        assert set(store(listener.port, *objects)) == {0}
    ends = entries(settings.folder, TRANSFERRED)
    assert sorted(one.studies[0] for one in ends) == sorted(f"1.2.840.99.{number}" for number in range(40))
    assert all(one.instances == 1 for one in ends)
