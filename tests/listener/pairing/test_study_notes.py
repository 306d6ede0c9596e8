"""What the ledger knows of the studies in the spool, on both databases."""

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest

from listener.ledger.set_aside_outlines import SetAside, set_aside
from listener.pairing import study_notes
from listener.pairing.study_notes import StudyNotes
from listener.spool import study_rows
from listener.spool.jobs import JobState, job_id_for
from listener.spool.recent_studies import note_recent
from listener.spool.spool import Spool
from listener.spool.study_rows import StudyArrivals, StudyCounts
from support.records import facts_of, job_record


@pytest.fixture(params=["sqlite", "postgresql"])
def spool(request: pytest.FixtureRequest, tmp_path: Path) -> Spool:
    """Return an empty spool with a ledger on each of the two databases."""
    url = None if request.param == "sqlite" else request.getfixturevalue("postgres").new_database()
    spool = Spool(tmp_path / "spool", url)
    spool.prepare()
    return spool


def put(spool: Spool, study: str, number: int, at: float) -> None:
    """Let an instance of a study come at a time."""
    folder = spool.series_folder(study, f"{study}.1")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{study}.1.{number}.dcm").write_bytes(b"")
    os.utime(folder, (at, at))


def test_a_study_is_noted_with_what_came_and_when(spool: Spool) -> None:
    """Once for all images of a turn, and again when more has come."""
    notes = StudyNotes(spool)
    for number in range(3):
        put(spool, "1.2", number, 1000.0)
    notes.note(["1.2", "1.99"])
    [found] = study_rows.without_outline(spool.ledger)
    assert (found.study_uid, found.series, found.instances, found.last_arrival.timestamp()) == ("1.2", 1, 3, 1000.0)
    put(spool, "1.2", 3, 2000.0)
    notes.note(["1.2"])
    assert study_rows.study_counts(spool.ledger) == StudyCounts(studies=1, instances=4)
    assert spool.last_arrival() == 2000.0


def test_nothing_is_written_where_nothing_came(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A turn of pairing costs no transaction for studies that have not changed."""
    notes = StudyNotes(spool)
    put(spool, "1.2", 1, 1000.0)
    notes.note(["1.2"])
    monkeypatch.setattr("listener.pairing.study_notes.note_studies", lambda *_: pytest.fail("written again"))
    notes.note(["1.2"])


def test_a_study_that_arrives_is_not_noted_at_every_turn(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    """At once when it begins, then only now and then; what came last is noted when it is due."""
    monkeypatch.setattr(study_notes, "LONGEST_SECONDS", 3600.0)
    clock = iter([0.0, 100.0, 200.0, 3700.0])
    monkeypatch.setattr(study_notes, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    notes = StudyNotes(spool, every_seconds=3600.0)
    seen = []
    for number in range(3):
        put(spool, "1.2", number, 1000.0 + number)
        notes.note(["1.2"])
        seen.append(study_rows.study_counts(spool.ledger).instances)
    spool.create_job(job_record(job_id_for("1.2.9", 1), study_uid="1.2"), JobState.WAITING)
    assert study_rows.count_without_outline(spool.ledger) == 0, "the outline came after the note"
    notes.note(["1.2"])
    assert [*seen, study_rows.study_counts(spool.ledger).instances] == [1, 1, 1, 3]


def test_a_study_with_a_case_or_an_outline_set_aside_has_an_outline(spool: Spool) -> None:
    """All others are those that `radtme status` names: images came, and nothing to score."""
    for study in ("1.1", "1.2", "1.3"):
        put(spool, study, 1, 1000.0)
    spool.create_job(job_record(job_id_for("1.1.2", 1), study_uid="1.1"), JobState.DONE, **facts_of(JobState.DONE))
    set_aside(spool.ledger, ("1.2", "1.2.9", "1.2.9.1"), SetAside.OWN_RESULT, "a result of radtme", None)
    StudyNotes(spool).note(["1.1", "1.2", "1.3"])
    assert [one.study_uid for one in study_rows.without_outline(spool.ledger, 5)] == ["1.3"]
    with spool.ledger.writing() as connection:
        study_rows.forget_study(connection, "1.3")
    assert study_rows.study_counts(spool.ledger) == StudyCounts(studies=2, instances=2)
    assert study_rows.count_without_outline(spool.ledger) == 0


def test_a_start_notes_what_the_ledger_lacks(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    """After an upgrade, a restored backup, or a crash: some at a time, so that pairing goes on beside it."""
    monkeypatch.setattr(study_notes, "AT_ONCE", 2)
    for number in range(5):
        put(spool, f"1.{number}", 1, 1000.0)
    StudyNotes(spool).note(["1.0", "1.1"])
    put(spool, "1.0", 2, 2000.0)
    put(spool, "1.1", 2, 2000.0)
    notes = StudyNotes(spool)
    notes.look_for_missing([f"1.{number}" for number in range(5)])
    left = []
    for _ in range(2):
        assert notes.has_more
        notes.note(["1.1"])
        left.append(5 - study_rows.study_counts(spool.ledger).studies)
    assert (left, notes.has_more) == ([1, 0], False)
    assert study_rows.study_counts(spool.ledger).instances == 6, "1.0 was known, and nothing came of it lately"


def test_the_ledger_is_asked_for_the_last_arrival(spool: Spool) -> None:
    """The folders are not looked through; only while the ledger knows of no study, those of the last day are."""
    put(spool, "1.2", 1, 1000.0)
    put(spool, "1.3", 1, 2000.0)
    note_recent(str(spool.root), "1.2")
    assert spool.last_arrival() == 1000.0
    StudyNotes(spool).note(["1.2"])
    os.rename(spool.studies, spool.root / "elsewhere")
    assert spool.last_arrival() == 1000.0


def test_two_listeners_note_the_same_studies(spool: Spool) -> None:
    """In any order, new ones beside known ones, each with another number of instances: none waits for the other."""

    def note(names: list[str]) -> None:
        for turn in range(1, 60):
            found = [StudyArrivals(name, 1, turn, datetime.fromtimestamp(turn, UTC)) for name in names]
            study_rows.note_studies(spool.ledger, [*found, replace(found[0], study_uid=f"{names[0]}.{turn}")])

    names = [f"1.2.{number}" for number in range(8)]
    with ThreadPoolExecutor(2) as listeners:
        for done in [listeners.submit(note, names), listeners.submit(note, names[::-1])]:
            done.result()
    assert study_rows.study_counts(spool.ledger) == StudyCounts(8 + 2 * 59, 8 * 59 + sum(range(1, 60)) * 2)
