"""Which studies something came of lately: known without looking at all that is kept."""

import os
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from listener.spool.recent_studies import FOLDER, forget_old_days, note_recent, oldest_day, recent_studies
from listener.spool.spool import Kept, Spool

TODAY = datetime.now(UTC).date()


def noted_on(monkeypatch: pytest.MonkeyPatch, root: Path, day: str, study: str) -> None:
    """Note a study on a day."""
    monkeypatch.setattr("listener.spool.recent_studies.time.strftime", lambda *_: day)
    note_recent(str(root), study)


def test_what_came_before_the_first_full_look_may_be_anything(tmp_path: Path) -> None:
    """A spool of an earlier version has no notes: all of it is looked at once."""
    note_recent(str(tmp_path), "1.2")
    assert recent_studies(tmp_path) is None
    forget_old_days(tmp_path, TODAY, None)
    assert recent_studies(tmp_path) == {"1.2"}


def test_days_before_yesterday_are_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Today and yesterday stay, and the last two days on which anything came."""
    for day in ("2026-11-20", "2026-11-27", "2026-11-28"):
        noted_on(monkeypatch, tmp_path, day, f"1.{day[-2:]}")
    forget_old_days(tmp_path, date(2026, 11, 28), None)
    assert recent_studies(tmp_path) == {"1.27", "1.28"}
    forget_old_days(tmp_path, date(2026, 12, 10), None)
    assert recent_studies(tmp_path) == {"1.27", "1.28"}
    assert oldest_day(tmp_path) == date(2026, 11, 27)


def test_a_study_is_noted_before_its_object_has_its_name(tmp_path: Path) -> None:
    """With its first object of a day, and again with a copy: whatever ends the process, the next start looks at it."""
    spool = Spool(tmp_path / "spool")
    spool.prepare()
    forget_old_days(spool.root, TODAY, None)
    for expected in (Kept.NEW, Kept.DUPLICATE):
        part = spool.receiving / "part"
        part.write_bytes(b"object")
        kept, folders = spool.link(str(part), "1.2", "1.2.1", "1.2.1.1")
        assert kept is expected
        assert recent_studies(spool.root) == {"1.2"}
        if kept is Kept.NEW:
            assert {Path(one).parent.name for one in folders} == {"1.2", FOLDER}, "both are synced"
        [day] = (path for path in (spool.root / FOLDER).iterdir() if path.is_dir())
        os.unlink(day / "1.2")


def test_what_a_killed_listener_left_unfinished_is_removed(tmp_path: Path) -> None:
    """At the next start, once it is so old that nobody can still be writing it."""
    spool = Spool(tmp_path)
    spool.prepare()
    (tmp_path / FOLDER).mkdir(exist_ok=True)
    old, young = (tmp_path / FOLDER / f".complete.{name}.tmp" for name in ("old", "young"))
    old.touch()
    young.touch()
    os.utime(old, (0, 0))
    spool.prepare()
    assert (old.exists(), young.exists()) == (False, True)
