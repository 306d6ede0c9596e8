"""Removing a study with its jobs: staged whole, looked at once more, committed with one rename, then deleted.

``removal/<study>/`` holds ``study/`` and ``jobs/<state>/<job id>/`` while it is staged: a run that was killed there is
undone by the next one. ``removal/<study>.<n>.gone/`` is decided: the next run deletes what is left of it.
"""

import contextlib
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from deploy.configuration.sections import RetentionSettings
from deploy.operations.retention import StudyJobs, Unit, touched_since, unit_of
from deploy.operations.retry import held_lock
from listener.ledger.deliveries import forget_deliveries
from listener.ledger.reader_assessments import forget_assessments
from listener.ledger.set_aside_outlines import forget_set_aside
from listener.spool.atomic_files import fsync_folder, make_folder
from listener.spool.locks import PAIRING_LOCK_NAME, exclusive
from listener.spool.spool import Spool

GONE = ".gone"
Tell = Callable[[Unit, Path], None]
"""Called with the data to be removed, and the current place of its objects."""


def removal_folder(spool: Spool) -> Path:
    """Return where a study is staged for removal."""
    return spool.root / "removal"


def finish_earlier(spool: Spool) -> None:
    """Delete what an earlier run had committed to removal, and restore what it had only staged."""
    folder = removal_folder(spool)
    for entry in sorted(folder.iterdir()) if folder.is_dir() else ():
        if entry.name.endswith(GONE):
            _delete(spool, entry)
        else:
            with _only_remover(spool):
                _put_back(spool, entry)


def remove(spool: Spool, settings: RetentionSettings, jobs: StudyJobs, study_uid: str, tell: Tell) -> bool:
    """Remove a study and its jobs; False where that is no longer possible: objects arrived, or a process works on it.

    ``tell`` is called before the removal is committed; an exception from it undoes everything.
    """
    make_folder(removal_folder(spool))
    staged = removal_folder(spool) / study_uid
    gone = removal_folder(spool) / f"{study_uid}.{secrets.token_hex(4)}{GONE}"
    with _only_remover(spool), contextlib.ExitStack() as locks:
        again = unit_of(spool, settings, study_uid, jobs.by_study().get(study_uid, []))
        if again.kept or not all([locks.enter_context(exclusive(job.folder)) for job in again.jobs]):  # noqa: C419
            return False
        try:
            _stage(again, staged)
            # Objects stored between the check and the rename were acknowledged: then everything is restored.
            is_decided = not touched_since(staged / "study", again.last_touched)
            if is_decided:
                tell(again, staged / "study")
                os.rename(staged, gone)
        except OSError:
            _put_back(spool, staged)
            raise
        if not is_decided:
            _put_back(spool, staged)
            return False
        for folder in (removal_folder(spool), spool.studies, *{job.folder.parent for job in again.jobs}):
            fsync_folder(folder)
    _delete(spool, gone)
    return True


def _delete(spool: Spool, gone: Path) -> None:
    """Delete a study whose removal is decided, and what the ledger knows of its outlines."""
    jobs = [job.name for job in (gone / "jobs").glob("*/*")]
    forget_deliveries(spool.ledger, jobs)
    forget_assessments(spool.ledger, jobs)
    forget_set_aside(spool.ledger, gone.name.removesuffix(GONE).rpartition(".")[0])
    shutil.rmtree(gone)


def _stage(unit: Unit, staged: Path) -> None:
    staged.mkdir()
    if unit.folder is not None:
        os.rename(unit.folder, staged / "study")
    for job in unit.jobs:
        target = staged / "jobs" / job.state.value
        make_folder(target)
        os.rename(job.folder, target / job.id)


def remove_from_quarantine(spool: Spool, name: str) -> None:
    """Remove an object from quarantine, then its reason: a reason that is left alone is removed at the next start."""
    for suffix in (".dcm", ".json"):
        (spool.quarantine / f"{name}{suffix}").unlink(missing_ok=True)
    fsync_folder(spool.quarantine)


def _put_back(spool: Spool, staged: Path) -> None:
    """Undo the staging; of an instance that came again meanwhile the newer copy stays, a job is never overwritten."""
    for path in sorted((staged / "jobs").glob("*/*")):
        place = spool.root / "jobs" / path.parent.name / path.name
        if spool.find_job(path.name) is None:
            os.rename(path, place)
            fsync_folder(place.parent)
    study = spool.studies / staged.name
    if (staged / "study").is_dir() and not study.exists():
        os.rename(staged / "study", study)
        fsync_folder(study.parent)
    for path in sorted((staged / "study").rglob("*")):
        place = study / path.relative_to(staged / "study")
        if path.is_file() and not place.exists():
            make_folder(place.parent)
            os.link(path, place)
            fsync_folder(place.parent)
    shutil.rmtree(staged)


@contextlib.contextmanager
def _only_remover(spool: Spool) -> Iterator[None]:
    """Hold the lock under which jobs are created: meanwhile no outline gets one."""
    with held_lock(spool.root / "jobs", PAIRING_LOCK_NAME, "retention"):
        yield
