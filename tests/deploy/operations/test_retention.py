"""`radtme retention`: what is old goes as a whole, and nothing that anyone still needs."""

import contextlib
import json
import os
import shutil
import time
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from deploy.configuration.sections import RetentionSettings
from deploy.operations.removal import finish_earlier, removal_folder, remove
from deploy.operations.retention import every_study, old_quarantine, overdue, units
from listener.audit.reader import read_entries
from listener.audit.trail import NotAudited
from listener.ledger.quarantine import QuarantineReason, quarantine
from listener.pairing.study_notes import StudyNotes
from listener.spool.job_rows import jobs
from listener.spool.jobs import JobState
from listener.spool.locks import exclusive
from listener.spool.study_rows import StudyCounts, study_counts
from support.spool_jobs import REJECTED, SCORED, delivery

STUDY = "1.2.3"
DEFAULTS = RetentionSettings()
FAILURE = {"reason": "worker_killed", "message": "3 workers died", "at": "2026-01-02T03:04:05+00:00"}
DELIVERED = {"result": SCORED, "delivery__pacs": delivery("pacs", "delivered")}
OLD = 100


def change_rows(spool, **values):
    """Change the rows of all jobs, past the program."""
    with spool.ledger.writing() as connection:
        connection.execute(update(jobs).values(**values))


def make_old(spool, days=OLD):
    """Let everything in the spool have last been touched that many days ago."""
    moment = time.time() - days * 86400
    for path in spool.root.rglob("*"):
        os.utime(path, (moment, moment))
    change_rows(spool, changed=datetime.fromtimestamp(moment, UTC))
    with spool.ledger.writing() as connection:
        connection.execute(update(quarantine).values(at=datetime.fromtimestamp(moment, UTC)))
    StudyNotes(spool).note(sorted(path.name for path in spool.studies.iterdir()))


def kept(spool, settings=DEFAULTS):
    """Return why the study stays; empty where it goes."""
    (unit,) = units(spool, settings, every_study(spool))
    assert unit.study_uid == STUDY
    assert unit.kept or STUDY in overdue(spool, settings), "the ledger's query leaves out what goes"
    return unit.kept


def removed(spool, tell=lambda unit, folder: None):
    """Try to remove the study."""
    return remove(spool, RetentionSettings(), STUDY, tell)


def test_only_what_may_go_is_looked_at(spool, put_job, put_instances):
    """The ledger tells which studies are old enough, and which it does not know; the others' files are left alone."""
    put_instances(4)
    put_job("1.1", JobState.DONE, **DELIVERED)
    assert overdue(spool, DEFAULTS) == frozenset()
    make_old(spool)
    assert overdue(spool, DEFAULTS) == {STUDY}
    for forever in (RetentionSettings(studies_days=None), RetentionSettings(done_days=None)):
        assert overdue(spool, forever) == frozenset()
    put_job("1.2", JobState.WAITING)
    make_old(spool)
    assert overdue(spool, DEFAULTS) == frozenset()
    (spool.studies / "1.99").mkdir()
    assert overdue(spool, DEFAULTS) == {"1.99"}


@pytest.mark.parametrize(
    ("state", "files"),
    [
        (JobState.DONE, DELIVERED),
        (JobState.DONE, {"result": {**REJECTED, "outcome": "unchanged", "objects": {}}}),
        (JobState.FAILED, {"failure": FAILURE}),
        (JobState.DROPPED, {"result": SCORED, "delivery__pacs": delivery("pacs", "refused")}),
    ],
)
def test_what_is_over_goes_when_it_is_old_enough(spool, put_job, put_instances, state, files):
    """The study and its job go together, and only when both are old enough."""
    put_instances(4)
    job = put_job("1.1", state, **files)
    assert "its last object came 0.0 days ago, of 30" in kept(spool)
    make_old(spool)
    assert kept(spool) == ""
    change_rows(spool, changed=datetime.now(UTC))
    assert f"job {job.id} was {state.value} 0.0 days ago" in kept(spool)
    make_old(spool)
    forever = RetentionSettings(studies_days=None)
    assert kept(spool, forever) == "the settings keep it for good"
    assert removed(spool)
    assert list(spool.jobs()) == []
    assert list(spool.studies.iterdir()) == list(removal_folder(spool).iterdir()) == []


@pytest.mark.parametrize(
    ("state", "files", "why"),
    [
        (JobState.WAITING, {}, "is waiting"),
        (JobState.READY, {}, "is ready"),
        (JobState.RUNNING, {}, "is running"),
        (JobState.DELIVERING, DELIVERED, "is delivering"),
        (JobState.DONE, {"result": SCORED}, "has results that no target has"),
        (JobState.DONE, {**DELIVERED, "delivery__archive": delivery("archive", "sent")}, "has results"),
        (JobState.FAILED, {"result": SCORED, "delivery__pacs": delivery("pacs", "refused")}, "has results"),
    ],
)
def test_what_someone_needs_stays_however_old_it_is(spool, put_job, put_instances, state, files, why):
    """A study that an open job needs, and a result that lies nowhere else; also where it is asked for by name."""
    put_instances(4)
    put_job("1.2", JobState.DONE, **DELIVERED)
    job = put_job("1.1", state, **files)
    make_old(spool)
    assert f"job {job.id} {why}" in kept(spool)
    assert not removed(spool)
    assert len(list(spool.jobs())) == 2
    assert len(list(spool.studies.glob("*/*/*.dcm"))) == 4


def test_a_job_that_cannot_be_read_keeps_everything(spool, put_job, put_instances):
    """What it needs cannot be known."""
    put_instances(4)
    put_job("1.1", JobState.READY)
    make_old(spool)
    change_rows(spool, details={})
    assert not removed(spool)
    assert len(list(spool.studies.glob("*/*/*.dcm"))) == 4


def test_what_comes_or_is_begun_meanwhile_brings_all_of_it_back(spool, put_job, put_instances, monkeypatch):
    """The listener has acknowledged an image between the last look and the rename: nothing of the study goes."""
    put_instances(4)
    put_job("1.1", JobState.DONE, **DELIVERED)
    make_old(spool)
    rename = os.rename

    def late(source, target):
        if str(source) == str(spool.studies / STUDY):
            (spool.series_folder(STUDY, "1.2.3.1") / "1.2.3.1.77.dcm").write_bytes(b"late")
        rename(source, target)

    monkeypatch.setattr(os, "rename", late)
    assert not removed(spool)
    assert len(list(spool.studies.glob("*/*/*.dcm"))) == 5
    (job,) = spool.jobs()
    assert job.state is JobState.DONE
    make_old(spool)
    monkeypatch.undo()
    with exclusive(job.folder) as mine:
        assert mine
        assert not removed(spool)
    assert removed(spool)


@pytest.mark.parametrize("step", range(6))
def test_a_run_that_is_killed_anywhere_is_undone_or_finished(spool, put_job, put_instances, monkeypatch, step):
    """Before the commitment everything is restored, after it everything is removed; never a part."""
    put_instances(4)
    put_job("1.1", JobState.DONE, **DELIVERED)
    put_job("1.2", JobState.DONE, **DELIVERED)
    make_old(spool)
    calls = []

    class Killed(BaseException):
        pass

    def dying(name, original):
        def call(*arguments, **more):
            calls.append(name)
            if len(calls) > step:
                raise Killed
            return original(*arguments, **more)

        return call

    with monkeypatch.context() as patched:
        patched.setattr(os, "rename", dying("rename", os.rename))
        patched.setattr(shutil, "rmtree", dying("rmtree", shutil.rmtree))
        with contextlib.suppress(Killed):
            removed(spool)
    decided = calls.count("rename") == 4 and step >= 4
    finish_earlier(spool)
    found, images = list(spool.jobs()), list(spool.studies.glob("*/*/*.dcm"))
    assert (len(found), len(images)) == ((0, 0) if decided else (2, 4))
    assert not list(removal_folder(spool).iterdir())
    if not decided:
        assert kept(spool) == ""
        assert removed(spool)


def test_a_study_that_came_again_after_a_kill_loses_nothing(spool, put_job, put_instances):
    """The run was killed with the study staged; the PACS has sent some of it anew since."""
    put_instances(4)
    put_job("1.1", JobState.DONE, **DELIVERED)
    staged = removal_folder(spool) / STUDY
    staged.mkdir(parents=True)
    os.rename(spool.studies / STUDY, staged / "study")
    put_instances(2)
    finish_earlier(spool)
    assert len(list(spool.studies.glob("*/*/*.dcm"))) == 4


def test_a_study_that_came_again_after_its_removal_is_still_known(spool, put_job, put_instances, monkeypatch):
    """The run was killed before it had deleted the files: the next one deletes them, and not the new study's row."""
    put_instances(4)
    put_job("1.1", JobState.DONE, **DELIVERED)
    make_old(spool)

    def killed(_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(shutil, "rmtree", killed)
        with pytest.raises(KeyboardInterrupt):
            removed(spool)
    assert study_counts(spool.ledger) == StudyCounts(0, 0)
    put_instances(2)
    StudyNotes(spool).note([STUDY])
    finish_earlier(spool)
    assert not list(removal_folder(spool).iterdir())
    assert study_counts(spool.ledger) == StudyCounts(1, 2)


def test_nothing_goes_unaudited(spool, put_job, put_instances):
    """Where the trail cannot be written, all of it is put back."""
    put_instances(4)
    put_job("1.1", JobState.DONE, **DELIVERED)
    make_old(spool)

    def tell(unit, folder):
        assert len(list(folder.rglob("*.dcm"))) == 4
        raise NotAudited(28, "no space")

    with pytest.raises(NotAudited):
        removed(spool, tell)
    assert len(list(spool.jobs())) == 1
    assert len(list(spool.studies.glob("*/*/*.dcm"))) == 4


def test_the_command_shows_first_and_removes_when_told(spool, put_job, put_instances, run_radtme, tmp_path):
    """A dry run by default; then study, job and quarantine are removed, which the audit trail records and outlives."""
    put_instances(4)
    job = put_job("1.1", JobState.DONE, **DELIVERED)
    part = spool.receiving / "a.part"
    part.write_bytes(b"x")
    came = datetime.now(UTC) - timedelta(days=29)
    spool.put_in_quarantine(part, "1.2.3.4", QuarantineReason(reason="cannot_understand", at=came))
    assert not list(old_quarantine(spool, RetentionSettings()))
    make_old(spool)
    shown = run_radtme("retention")
    assert shown.returncode == 0
    assert "1 studies with 1 jobs" in shown.stdout
    assert "1 objects in quarantine, 1 B: would be removed" in shown.stdout
    (line, other) = map(json.loads, run_radtme("retention", "--json").stdout.splitlines())
    assert (line["fate"], line["study_uid"], line["jobs"]) == ("would be removed", STUDY, [job.id])
    assert other["fate"] == "would be removed"
    assert spool.find_job(job.id) is not None
    done = run_radtme("retention", "--apply")
    assert (done.returncode, "removed" in done.stdout) == (0, True), done.stderr
    assert spool.find_job(job.id) is None
    assert not [*spool.studies.iterdir(), *spool.quarantine.iterdir()]
    (told,) = read_entries(tmp_path / "audit", lambda entry: True, lambda place: None)
    assert (told.event, told.studies) == ("DICOM Study Deleted", (STUDY,))
