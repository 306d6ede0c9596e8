"""The files in quarantine and what the ledger says of them agree, whatever happened in between; on both databases."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from listener.ledger import quarantine
from listener.ledger.database import LedgerUnavailable
from listener.ledger.quarantine import QuarantineReason, Share, quarantine_shares, read_quarantined
from listener.spool import quarantined
from listener.spool.quarantined import agree, found_there, remove_from_quarantine, without_object, without_reason
from listener.spool.spool import Spool

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
WHY = QuarantineReason(reason="duplicate_sop_instance", message="kept earlier", at=AT, calling_ae_title="MRI1")


@pytest.fixture(params=["sqlite", "postgresql"])
def spool(request: pytest.FixtureRequest, tmp_path: Path) -> Spool:
    """Return an empty spool with a ledger on each of the two databases."""
    url = None if request.param == "sqlite" else request.getfixturevalue("postgres").new_database()
    spool = Spool(tmp_path / "spool", url)
    spool.prepare()
    return spool


def put(spool: Spool, uid: str, why: QuarantineReason = WHY) -> Path:
    """Put an object of four bytes into quarantine; return its file."""
    part = spool.receiving / "part"
    part.write_bytes(b"DICM")
    return spool.put_in_quarantine(part, uid, why)


def test_what_each_sender_has_there_is_one_query(spool: Spool) -> None:
    """Also what came before a moment, and what lies there for one reason."""
    first = put(spool, "1.1")
    put(spool, "1.2", QuarantineReason(reason="cannot_understand", message="no\0UID", calling_ae_title="MRI2"))
    put(spool, "1.3")
    assert quarantine_shares(spool.ledger) == {"MRI1": Share(2, 8), "MRI2": Share(1, 4)}
    assert read_quarantined(spool.ledger)[0].reason.reason == "cannot_understand", "the newest first"
    assert {one.reason for one in read_quarantined(spool.ledger, before=datetime.now(UTC)) if one.since == AT} == {WHY}
    assert len(read_quarantined(spool.ledger, reason="cannot_understand")) == 1
    remove_from_quarantine(spool, [first.stem])
    assert not first.exists()
    assert quarantine_shares(spool.ledger)["MRI1"] == Share(1, 4)


def test_a_reason_that_the_ledger_did_not_take_is_taken_over(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    """It lies beside the object, as all reasons did in earlier versions."""
    with monkeypatch.context() as patch:

        def refuse(*_: object) -> None:
            raise LedgerUnavailable(11, "away")

        patch.setattr(quarantine, "note_quarantined", refuse)
        path = put(spool, "1.1")
    assert json.loads(path.with_suffix(".json").read_text())["message"] == "kept earlier"
    assert without_reason(spool) == without_object(spool) == []
    agree(spool)
    [found] = read_quarantined(spool.ledger)
    assert (found.name, found.reason) == (path.stem, WHY)
    assert list(spool.quarantine.iterdir()) == [path]


def test_a_file_of_an_earlier_version_is_taken_over(spool: Spool) -> None:
    """With its time, also where it names none; one that is damaged does not hold up the others."""
    for name, content in (("1.1.0a", '{"reason": "superseded"}'), ("1.2.0a", "{")):
        (spool.quarantine / f"{name}.dcm").write_bytes(b"DICM")
        (spool.quarantine / f"{name}.json").write_text(content)
        os.utime(spool.quarantine / f"{name}.json", (AT.timestamp(), AT.timestamp()))
    agree(spool)
    found = {one.name: (one.reason.reason, one.since) for one in read_quarantined(spool.ledger)}
    assert found == {"1.1.0a": ("superseded", AT), "1.2.0a": ("unknown", AT)}
    assert not list(spool.quarantine.glob("*.json"))


def test_a_crash_between_object_and_reason_leaves_an_object_that_says_so(spool: Spool) -> None:
    """Not at once: another process may just be about to write it down. What was removed by hand is forgotten."""
    gone = put(spool, "1.1")
    gone.unlink()
    lonely = spool.quarantine / "1.2.0a.dcm"
    lonely.write_bytes(b"DICM")
    agree(spool)
    assert without_reason(spool) == [lonely]
    assert read_quarantined(spool.ledger) == ()
    os.utime(lonely, (AT.timestamp(), AT.timestamp()))
    agree(spool)
    [found] = read_quarantined(spool.ledger)
    assert (found.name, found.since, found.reason.message) == ("1.2.0a", AT, "its reason was lost")


def test_objects_that_a_person_put_there_are_counted_under_any_name(spool: Spool) -> None:
    """Long ones get a reason; one that is no text is left alone, and counts where the ledger is away."""
    for name in (b"x" * 200, b"\xe4"):
        path = spool.quarantine / os.fsdecode(name + b".dcm")
        path.write_bytes(b"DICM")
        os.utime(path, (AT.timestamp(), AT.timestamp()))
    (spool.quarantine / f"{'x' * 200}.json").write_text(json.dumps({"reason": "y" * 200, "status": "z" * 200}))
    agree(spool)
    [found] = read_quarantined(spool.ledger)
    assert (found.name, found.reason.reason) == ("x" * 200, "y" * 200)
    assert without_reason(spool) == without_object(spool) == []
    assert found_there(spool) == Share(2, 8)


def test_an_object_of_which_nothing_was_known_is_superseded_too(spool: Spool) -> None:
    """Of one that is known, time and sender stay."""
    known = put(spool, "1.1")
    for name in (known.stem, "1.2.0a"):
        quarantine.note_superseded(spool.ledger, name, "superseded", "a corrected copy took its place", 9)
    found = {one.name: one for one in read_quarantined(spool.ledger, reason="superseded")}
    assert {name: one.bytes for name, one in found.items()} == {known.stem: 9, "1.2.0a": 9}
    assert (found[known.stem].since, found[known.stem].reason.calling_ae_title) == (AT, "MRI1")


def test_an_object_that_comes_back_is_not_removed(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its name is free for a moment while a person exchanges it for the copy in the spool."""
    path = put(spool, "1.1")
    os.utime(path, (AT.timestamp(), AT.timestamp()))
    monkeypatch.setattr(quarantined, "without_object", lambda _: [path.stem])
    agree(spool)
    assert path.exists()
    [found] = read_quarantined(spool.ledger)
    assert found.name == path.stem


@pytest.mark.parametrize("error", [PermissionError, FileNotFoundError])
def test_a_reason_that_cannot_be_read_holds_up_no_other(
    spool: Spool, monkeypatch: pytest.MonkeyPatch, error: type[OSError]
) -> None:
    """A person may have copied it there as another user, or removed it just now."""
    for name in ("1.1.0a", "1.2.0a"):
        (spool.quarantine / f"{name}.dcm").write_bytes(b"DICM")
        (spool.quarantine / f"{name}.json").write_text('{"reason": "superseded"}')
    read = quarantined.read_record

    def refuse(kind: type[QuarantineReason], path: Path) -> QuarantineReason:
        if path.name == "1.1.0a.json":
            raise error
        return read(kind, path)

    monkeypatch.setattr(quarantined, "read_record", refuse)
    agree(spool)
    assert [one.name for one in read_quarantined(spool.ledger)] == ["1.2.0a"]
