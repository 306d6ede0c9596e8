"""A damaged ledger: no part starts, and the message says what to restore."""

import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress

import pytest

from listener.ledger.database import SQLITE_NAME, LedgerUnavailable
from listener.ledger.integrity import require_intact
from listener.spool.spool import Spool
from support.mounts import close_ledgers

REMEDY = "ledger.sqlite is damaged: restore it from the latest backup"


@pytest.fixture
def ledger_url() -> None:
    """Return none: this is about the embedded ledger."""


def without_unused_pages(spool: Spool) -> tuple[bytes, int]:
    """Return the content of the ledger's file, and the size of its pages; each of them is in use."""
    close_ledgers()
    with closing(sqlite3.connect(spool.root / SQLITE_NAME)) as connection:
        connection.execute("VACUUM")
        page_bytes: int = connection.execute("PRAGMA page_size").fetchone()[0]
    return (spool.root / SQLITE_NAME).read_bytes(), page_bytes


@pytest.mark.parametrize("command", ["listen", "work"])
def test_no_part_starts_on_a_damaged_ledger(spool, run_radtme, command):
    """Its content is not guessed, and the file is kept so that something may be recovered from it."""
    damaged = b"no database" * 1000
    for path in spool.root.glob(f"{SQLITE_NAME}*"):
        path.unlink()
    (spool.root / SQLITE_NAME).write_bytes(damaged)
    done = run_radtme(command, RADTME_REDIS_URL="redis://127.0.0.1:1/0")
    assert done.returncode == 1
    assert f"the ledger cannot be used: {REMEDY}" in done.stderr
    assert (spool.root / SQLITE_NAME).read_bytes() == damaged


@pytest.mark.parametrize("command", ["listen", "spool check", "doctor"])
def test_damage_behind_the_first_page_is_told(
    full_spool: Spool, run_radtme: Callable[..., object], command: str
) -> None:
    """A file whose header is whole: by a start where the open cases are hit, by the checks wherever it is."""
    content, page_bytes = without_unused_pages(full_spool)
    kept = page_bytes if command == "listen" else len(content) - page_bytes
    damaged = content[:kept] + b"\xa5" * (len(content) - kept)
    (full_spool.root / SQLITE_NAME).write_bytes(damaged)
    done = run_radtme(*command.split(), RADTME_REDIS_URL="redis://127.0.0.1:1/0")
    assert done.returncode == 1
    assert REMEDY in " ".join((done.stdout + done.stderr).split())
    assert (full_spool.root / SQLITE_NAME).read_bytes() == damaged


def test_damage_of_any_page_is_found(full_spool: Spool) -> None:
    """Whichever table or index it belongs to; the file as it was is whole."""
    content, page_bytes = without_unused_pages(full_spool)
    path = full_spool.root / SQLITE_NAME
    missed = []
    for start in range(0, len(content), page_bytes):
        path.write_bytes(content[:start] + b"\xa5" * page_bytes + content[start + page_bytes :])
        with suppress(LedgerUnavailable):
            require_intact(full_spool.ledger)
            missed.append(start // page_bytes)
        close_ledgers()
    assert missed == []
    path.write_bytes(content)
    require_intact(full_spool.ledger)
