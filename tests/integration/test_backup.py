"""Backup and restore as docs/operations/upgrade.md says it: the ledger first, then the files."""

import shutil
import sqlite3
import subprocess
import threading
from contextlib import closing
from pathlib import Path

from listener.ledger.database import SQLITE_NAME
from listener.pairing.pairer import Pairer
from listener.settings import ListenerSettings
from listener.spool.jobs import Job, JobState, job_id_for
from listener.spool.spool import Spool
from support.dicom_objects import file_bytes, outline
from support.outboxes import delivering, entry_of
from support.postgresql import PostgresServer, programs
from support.records import job_record


def receive_outline(spool: Spool, number: int) -> str:
    """Store an outline as the listener does, without its job; return the id of that."""
    seg = outline([1], number=number)
    part = spool.receiving / "part"
    part.write_bytes(file_bytes(seg))
    spool.keep(part, seg.StudyInstanceUID, seg.SeriesInstanceUID, seg.SOPInstanceUID)
    return job_id_for(seg.SOPInstanceUID, 1)


def jobs_of(spool: Spool) -> list[Job]:
    """Return all jobs as they are stored, wherever the spool lies."""
    return [job for job in spool.jobs() if job.state is not JobState.READY]


def test_an_embedded_ledger_is_copied_while_it_is_written(tmp_path: Path) -> None:
    """SQLite's own backup gives a whole ledger; a case of after it gets its job at the next start."""
    spool, restored = Spool(tmp_path / "spool"), Spool(tmp_path / "restored")
    spool.prepare()
    sent = delivering(spool, "pacs")
    stopped = threading.Event()

    def go_on_working() -> None:
        number = 100
        while not stopped.is_set():
            number += 1
            spool.create_job(job_record(job_id_for(f"1.2.{number}", 1)), JobState.READY)

    worker = threading.Thread(target=go_on_working)
    worker.start()
    try:
        restored.root.mkdir()
        files = (sqlite3.connect(one.root / SQLITE_NAME) for one in (spool, restored))
        with closing(next(files)) as source, closing(next(files)) as target:
            source.backup(target)
    finally:
        stopped.set()
        worker.join()
    late = receive_outline(spool, 7)
    shutil.copytree(spool.root, restored.root, dirs_exist_ok=True, ignore=shutil.ignore_patterns(f"{SQLITE_NAME}*"))
    restored.prepare()
    assert [job.record for job in jobs_of(restored)] == [sent.record]
    assert entry_of(restored, sent) == entry_of(spool, sent)
    assert restored.find_job(late) is None
    Pairer(restored, ListenerSettings(spool=restored.root), lambda job_id: None).reconcile()
    assert restored.find_job(late) is not None


def test_a_ledger_in_postgresql_is_dumped_and_restored(tmp_path: Path, postgres: PostgresServer) -> None:
    """With the programs of PostgreSQL, into an empty database."""
    found = programs()
    assert found is not None
    url, empty = postgres.new_database(), postgres.new_database()
    spool = Spool(tmp_path / "spool", url)
    spool.prepare()
    sent = delivering(spool, "pacs")
    dump = str(tmp_path / "ledger.dump")
    source, target = (one.replace("postgresql+psycopg", "postgresql") for one in (url, empty))
    subprocess.run([found / "pg_dump", "--format", "custom", "--file", dump, source], check=True, timeout=60)
    restore = [found / "pg_restore", "--no-owner", "--no-privileges", "--dbname", target, dump]
    subprocess.run(restore, check=True, timeout=60)
    restored = Spool(spool.root, empty)
    restored.prepare()
    assert list(restored.jobs()) == list(spool.jobs())
    assert entry_of(restored, sent) == entry_of(spool, sent)
