"""Removing a study with its jobs: staged whole, looked at once more, committed with its rows, then deleted.

``removal/<study>/`` holds ``study/`` and ``results/<job id>/`` while it is staged, ``removal/<study>.<n>.gone/`` then.
The transaction that removes its rows and those of its jobs decides: a run that was killed before is undone by the next
one, and what is left of one that was killed afterwards is deleted.
"""

import contextlib
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from sqlalchemy import func, select, tuple_

from deploy.configuration.sections import RetentionSettings
from deploy.operations.retention import Unit, touched_since, unit_of
from deploy.operations.retry import held_lock
from listener.ledger.set_aside_outlines import forget_set_aside
from listener.ledger.totals import lock_study_totals
from listener.spool import job_rows
from listener.spool.atomic_files import fsync_folder, make_folder
from listener.spool.jobs import FINISHED_STATES
from listener.spool.locks import exclusive
from listener.spool.spool import Spool
from listener.spool.study_rows import forget_study

GONE = ".gone"
LOCK_NAME = "removal.lock"
Tell = Callable[[Unit, Path], None]
"""Called with the data to be removed, and the current place of its objects."""


def removal_folder(spool: Spool) -> Path:
    """Return where a study is staged for removal."""
    return spool.root / "removal"


def finish_earlier(spool: Spool) -> None:
    """Delete what an earlier run had committed to removal, and restore what it had only staged."""
    folder = removal_folder(spool)
    for entry in sorted(folder.glob("*/")):
        with _only_remover(spool):
            if entry.name.endswith(GONE) and not any(map(spool.find_job, _job_ids(entry))):
                shutil.rmtree(entry)
            else:
                _put_back(spool, entry)


def remove(spool: Spool, settings: RetentionSettings, study_uid: str, tell: Tell) -> bool:
    """Remove a study and its jobs; False where that is no longer possible: objects arrived, or a process works on it.

    ``tell`` is called before the removal is committed; an exception from it undoes everything.
    """
    make_folder(removal_folder(spool))
    staged = removal_folder(spool) / study_uid
    gone = removal_folder(spool) / f"{study_uid}.{secrets.token_hex(4)}{GONE}"
    with _only_remover(spool), contextlib.ExitStack() as locks:
        again = unit_of(spool, settings, study_uid)
        for job in again.jobs:
            make_folder(job.folder)  # a backup may lack it
        if again.kept or not all([locks.enter_context(exclusive(job.folder)) for job in again.jobs]):  # noqa: C419
            return False
        try:
            _stage(again, staged)
            # Objects stored between the check and the rename were acknowledged: then everything is restored.
            if touched_since(staged / "study", again.last_touched) or not _committed(spool, again, staged, gone, tell):
                _put_back(spool, staged)
                return False
        except OSError:
            _put_back(spool, staged if staged.exists() else gone)
            raise
    shutil.rmtree(gone)
    return True


def _committed(spool: Spool, unit: Unit, staged: Path, gone: Path, tell: Tell) -> bool:
    """Remove the rows of a study and its jobs; False where a job is no longer what it was, and nothing is removed."""
    ids = [job.id for job in unit.jobs]
    with spool.ledger.writing() as connection:
        job_rows.lock_study(connection, unit.study_uid)
        same = select(func.count()).where(
            tuple_(job_rows.jobs.c.job_id, job_rows.jobs.c.state).in_([(job.id, job.state) for job in unit.jobs])
        )
        every = select(func.count()).where(job_rows.jobs.c.study_uid == unit.study_uid)
        if not connection.scalar(same) == connection.scalar(every) == len(ids):
            return False
        tell(unit, staged / "study")
        lock_study_totals(connection)
        job_rows.remove(connection, ids, FINISHED_STATES)
        # Here, not when the files are deleted: by then the study may have come again.
        forget_set_aside(connection, unit.study_uid)
        forget_study(connection, unit.study_uid)
        os.rename(staged, gone)
        for folder in (removal_folder(spool), spool.studies, spool.results):
            fsync_folder(folder)
    return True


def _job_ids(entry: Path) -> list[str]:
    return [folder.name for folder in (entry / "results").glob("*")]


def _study_of(entry: Path) -> str:
    name = entry.name
    return name.removesuffix(GONE).rpartition(".")[0] if name.endswith(GONE) else name


def _stage(unit: Unit, staged: Path) -> None:
    staged.mkdir()
    if unit.folder is not None:
        os.rename(unit.folder, staged / "study")
    (staged / "results").mkdir()
    for job in unit.jobs:
        os.rename(job.folder, staged / "results" / job.id)


def _put_back(spool: Spool, staged: Path) -> None:
    """Undo the staging; of an instance that came again meanwhile the newer copy stays, no result is overwritten."""
    for path in sorted((staged / "results").glob("*")):
        with contextlib.suppress(OSError):  # there is one
            os.rename(path, spool.results / path.name)
    fsync_folder(spool.results)
    study = spool.studies / _study_of(staged)
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
    with held_lock(spool.root, LOCK_NAME, "retention"):
        yield
