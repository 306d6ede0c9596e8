"""Damage by a power cut or a restored backup is repaired at the next start and does not stop other jobs."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from deploy.operations.spool_damage import SpoolDefect, check
from listener.spool import job_rows
from listener.spool.jobs import Job, JobState
from support.disturbed import Study, assert_undisturbed, put_spool
from support.doomed import Site
from support.recorder import Recorder


def only_job(site: Site) -> Job:
    """Return the only job."""
    [job] = site.spool.jobs()
    return job


def truncated(path: Path) -> None:
    """Cut a file in the middle."""
    os.truncate(path, path.stat().st_size // 2)


def emptied(path: Path) -> None:
    """Leave a file without content, as a file system does that lost power between its name and its bytes."""
    os.truncate(path, 0)


def overwritten(path: Path) -> None:
    """Fill a file with zeros."""
    path.write_bytes(b"\0" * path.stat().st_size)


def removed(path: Path) -> None:
    """Take a file away."""
    path.unlink()


@pytest.mark.parametrize(
    ("template", "name", "damage", "defect"),
    [
        ("ready", "result.json", truncated, None),
        pytest.param("ready", "result.json", emptied, None, marks=pytest.mark.long),
        pytest.param("delivering", "result.json", overwritten, SpoolDefect.RESULT_UNREADABLE, marks=pytest.mark.long),
        pytest.param("delivering", "result.json", removed, SpoolDefect.RESULT_UNREADABLE, marks=pytest.mark.long),
    ],
)
def test_a_damaged_file_of_a_job(
    template: str,
    name: str,
    damage: Callable[[Path], None],
    defect: SpoolDefect | None,
    site: Site,
    study: Study,
    pacs: Recorder,
) -> None:
    """The job ends with the same results as an undisturbed one, whatever the age of its outline."""
    put_spool(site, getattr(study, template))
    for series in site.spool.studies.glob("*/*"):
        os.utime(series, (0, 0))
    path = only_job(site).folder / name
    if not path.exists():
        path.write_text('{"outcome": "scored"}')
    damage(path)
    assert [one.defect for one in check(site.spool)] == ([defect] if defect else [])
    with site.listening(), site.working():
        site.wait_for_jobs(1, JobState.DONE)
    assert_undisturbed(site, pacs, study)
    assert not list(check(site.spool))


def test_leftovers_are_shown_and_a_start_removes_them(site: Site, study: Study, pacs: Recorder) -> None:
    """Temporary files without an owner go, those of a job when it is scored."""
    put_spool(site, study.ready)
    leftovers = [
        folder / ".x.0a0b0c0d.tmp" for folder in (only_job(site).folder, site.spool.root, site.spool.quarantine)
    ]
    for path in leftovers:
        path.touch()
        os.utime(path, (0, 0))
    assert [one.path for one in check(site.spool)] == leftovers
    assert {one.defect for one in check(site.spool)} == {SpoolDefect.TEMPORARY_FILE}
    with site.listening(), site.working():
        site.wait_for_jobs(1, JobState.DONE)
    assert_undisturbed(site, pacs, study)
    assert not list(check(site.spool))


def test_results_whose_job_the_ledger_does_not_know(site: Site, study: Study, pacs: Recorder) -> None:
    """The ledger was restored from a backup that is older than the objects: the outline gets its job again."""
    put_spool(site, study.delivering)
    with site.spool.ledger.writing() as connection:
        job_rows.remove(connection, [only_job(site).id], [JobState.DELIVERING])
    with site.listening(), site.working():
        site.wait_for_jobs(1, JobState.DONE)
    assert_undisturbed(site, pacs, study)
