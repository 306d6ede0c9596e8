"""What a start looks at: the studies of which something came lately, and only rarely all of them."""

import os
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from deploy.operations.spool_damage import SpoolDefect, check
from listener.pairing.reconcile import outlines_without_job, studies_to_look_at
from listener.spool.jobs import JobState
from listener.spool.recent_studies import FOLDER, forget_old_days, note_recent
from listener.spool.spool import Spool
from listener.spool.study_rows import StudyArrivals, forget_study, last_arrival, note_studies
from support.dicom_objects import OUTLINES, STUDY, file_bytes, outline
from support.pairing_station import Clock, Station

TODAY = datetime.now(UTC)
KEPT = ["1.1", "1.2", "1.3"]


@pytest.fixture(autouse=True)
def _today(monkeypatch: pytest.MonkeyPatch) -> None:
    """Note what comes under the day on which the tests began: midnight may pass before this test runs."""
    monkeypatch.setattr("listener.spool.recent_studies.time.strftime", lambda *_: TODAY.date().isoformat())


@pytest.fixture
def filled(spool: Spool) -> Spool:
    """Return a spool with three studies; something of the last one came today, and the ledger knows all."""
    for study in KEPT:
        (spool.studies / study / f"{study}.1").mkdir(parents=True)
    note_recent(str(spool.root), KEPT[-1])
    note_studies(spool.ledger, [StudyArrivals(study, 1, 1, TODAY) for study in KEPT])
    return spool


def put_aside(spool: Spool, name: str) -> None:
    """Give the notes of today the name of another day."""
    [day] = (path for path in (spool.root / FOLDER).iterdir() if path.is_dir())
    day.rename(day.with_name(name))


def test_the_first_start_looks_at_all_and_a_later_one_at_what_came_lately(filled: Spool) -> None:
    """An earlier version has noted nothing: what came under it may lack its job or its row."""
    assert studies_to_look_at(filled) == set(KEPT)
    forget_old_days(filled.root, TODAY.date(), None)
    assert studies_to_look_at(filled) == {KEPT[-1]}


def test_all_are_looked_at_where_an_older_ledger_was_restored(filled: Spool) -> None:
    """It may lack studies of days that are forgotten; one that is younger than the notes lacks none."""
    forget_old_days(filled.root, TODAY.date(), None)
    note_studies(filled.ledger, [StudyArrivals(study, 1, 1, TODAY - timedelta(days=9)) for study in KEPT])
    put_aside(filled, (TODAY - timedelta(days=9)).date().isoformat())
    assert studies_to_look_at(filled) == {KEPT[-1]}
    put_aside(filled, (TODAY - timedelta(days=8)).date().isoformat())
    assert studies_to_look_at(filled) == set(KEPT)


def test_all_are_looked_at_where_an_older_ledger_was_restored_before_anything_came(filled: Spool) -> None:
    """No day is noted yet, but when the newest object came that the ledger knew of."""
    shutil.rmtree(filled.root / FOLDER)
    forget_old_days(filled.root, TODAY.date(), last_arrival(filled.ledger))
    assert studies_to_look_at(filled) == set()
    note_studies(filled.ledger, [StudyArrivals(study, 1, 1, TODAY - timedelta(days=9)) for study in KEPT])
    assert studies_to_look_at(filled) == set(KEPT)
    with filled.ledger.writing() as connection:
        for study in KEPT:
            forget_study(connection, study)
    assert studies_to_look_at(filled) == set(KEPT), "also where it is empty"


def test_outlines_of_after_a_restored_ledger_get_their_jobs_however_old_they_are(spool: Spool) -> None:
    """The newest object that it knows of is three days old; the outline came two days ago."""
    seg = outline(images=[1])
    part = spool.receiving / "part"
    part.write_bytes(file_bytes(seg))
    spool.keep(part, STUDY, OUTLINES, seg.SOPInstanceUID)
    came = (TODAY - timedelta(days=2)).timestamp()
    os.utime(spool.series_folder(STUDY, OUTLINES), (came, came))
    put_aside(spool, (TODAY - timedelta(days=3)).date().isoformat())
    note_studies(spool.ledger, [StudyArrivals("1.1", 1, 1, TODAY - timedelta(days=3))])
    found: list[Path] = []
    for known_then in (TODAY - timedelta(days=3), TODAY - timedelta(days=2)):
        assert found == []
        forget_old_days(spool.root, TODAY.date(), known_then)
        outlines_without_job(spool, [STUDY], lambda step: step(), found.append)
    assert [path.stem for path in found] == [seg.SOPInstanceUID]
    [shown] = check(spool)
    assert (shown.defect, shown.path) == (SpoolDefect.OUTLINE_WITHOUT_JOB, found[0])


def test_a_start_opens_no_folder_of_a_study_of_which_nothing_came(
    spool: Spool, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And an outline that came just before the process was killed has its job after it."""
    (spool.studies / "1.1" / "1.1.1").mkdir(parents=True)
    first = Station(spool, clock)
    first.pairer.reconcile()
    first.scan()
    seg = outline(images=[1])
    part = spool.receiving / "part"
    part.write_bytes(file_bytes(seg))
    spool.keep(part, STUDY, OUTLINES, seg.SOPInstanceUID)
    seen: list[Path] = []
    opened = Path.iterdir
    monkeypatch.setattr(Path, "iterdir", lambda path: seen.append(path) or opened(path))
    restarted = Station(spool, clock)
    restarted.pairer.reconcile()
    restarted.scan()
    assert len(restarted.jobs(JobState.WAITING)) == 1
    assert spool.studies / STUDY in seen
    assert spool.studies not in seen
    assert spool.studies / "1.1" not in seen
