"""Damage by a power cut or a restored backup is repaired at the next start and does not stop other jobs."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from listener.ledger.deliveries import forget_deliveries
from listener.spool.jobs import Job, JobState
from listener.spool.repair import SpoolDefect, aside_folder, check, repair
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
        ("ready", "job.json", emptied, SpoolDefect.JOB_UNREADABLE),
        pytest.param("ready", "attempts.json", emptied, None, marks=pytest.mark.long),
        pytest.param("ready", "result.json", truncated, None, marks=pytest.mark.long),
        pytest.param("delivering", "job.json", truncated, SpoolDefect.JOB_UNREADABLE, marks=pytest.mark.long),
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
        path.write_text('{"began": [], "outcome": "scored"}')
    damage(path)
    assert [one.defect for one in check(site.spool)] == ([defect] if defect else [])
    with site.listening(), site.working():
        site.wait_for_jobs(1, JobState.DONE)
    assert_undisturbed(site, pacs, study)
    assert not list(check(site.spool))


def test_a_job_whose_delivery_the_ledger_does_not_know(site: Site, study: Study, pacs: Recorder) -> None:
    """The ledger was restored from an older backup than the spool."""
    put_spool(site, study.delivering)
    forget_deliveries(site.spool.ledger, [only_job(site).id])
    assert [one.defect for one in check(site.spool)] == [SpoolDefect.DELIVERY_UNKNOWN]
    with site.listening(), site.working():
        site.wait_for_jobs(1, JobState.DONE)
    assert_undisturbed(site, pacs, study)


def test_a_job_in_two_states(site: Site, study: Study, pacs: Recorder) -> None:
    """A backup that was copied over a living spool brings an old state back; the one that is further on stays."""
    put_spool(site, study.delivering)
    shutil.copytree(
        next((study.ready / "jobs" / "ready").iterdir()), site.spool.job_folder(JobState.READY, only_job(site).id)
    )
    assert [one.defect for one in check(site.spool)] == [SpoolDefect.TWO_STATES]
    with site.listening(), site.working():
        site.wait_for_jobs(1, JobState.DONE)
    assert_undisturbed(site, pacs, study)
    [reason] = aside_folder(site.spool).glob("*.json")
    assert json.loads(reason.read_text())["reason"] == "two_states"
    assert (reason.with_suffix("") / "job.json").exists()


def test_leftovers_are_removed_and_what_someone_works_on_is_not(site: Site, study: Study) -> None:
    """Temporary files without an owner are removed; a recent one in quarantine may still be in use."""
    put_spool(site, study.ready)
    spool, job = site.spool, only_job(site)
    unfinished = spool.jobs_folder(JobState.WAITING) / ".0123456789abcdef-v1.0a0b0c0d"
    unfinished.mkdir()
    (unfinished / "job.json").write_text("{}")
    temporary = job.folder / ".job.json.0a0b0c0d.tmp"
    temporary.touch()
    young, old = spool.quarantine / "1.2.0a.json", spool.quarantine / "1.3.0a.json"
    young.touch()
    old.touch()
    os.utime(old, (0, 0))
    elsewhere = spool.root / ".x.0a0b0c0d.tmp"
    elsewhere.touch()
    os.utime(elsewhere, (0, 0))
    lonely = spool.quarantine / "1.4.0a.dcm"
    lonely.touch()
    os.utime(lonely, (0, 0))
    found = {one.defect for one in repair(spool)}
    assert found == {
        SpoolDefect.UNFINISHED_JOB,
        SpoolDefect.TEMPORARY_FILE,
        SpoolDefect.REASON_WITHOUT_OBJECT,
        SpoolDefect.OBJECT_WITHOUT_REASON,
    }
    assert not unfinished.exists()
    assert not temporary.exists()
    assert not elsewhere.exists()
    assert not old.exists()
    assert young.exists()
    assert lonely.exists()
    assert lonely.with_suffix(".json").exists()
    assert [one.defect for one in check(spool)] == [SpoolDefect.REASON_WITHOUT_OBJECT]


def test_one_that_cannot_be_repaired_stops_nothing(site: Site, study: Study, pacs: Recorder) -> None:
    """A damaged job without its outline is put aside with a log event; another one goes on."""
    put_spool(site, study.ready)
    gone = site.spool.job_folder(JobState.READY, "0123456789abcdef-v1")
    gone.mkdir()
    (gone / "job.json").touch()
    with site.listening(), site.working():
        site.wait_for_jobs(1, JobState.DONE)
    assert_undisturbed(site, pacs, study)
    assert '"defect": "job_unreadable"' in site.log()
