"""A damaged ledger: no part starts, and the message says what to restore."""

import pytest

from listener.ledger.database import SQLITE_NAME


@pytest.mark.parametrize("command", ["listen", "work"])
def test_no_part_starts_on_a_damaged_ledger(spool, run_radtme, command):
    """Its content is not guessed, and the file is kept so that something may be recovered from it."""
    damaged = b"no database" * 1000
    for path in spool.root.glob(f"{SQLITE_NAME}*"):
        path.unlink()
    (spool.root / SQLITE_NAME).write_bytes(damaged)
    done = run_radtme(command, RADTME_REDIS_URL="redis://127.0.0.1:1/0")
    assert done.returncode == 1
    assert "the ledger cannot be used: ledger.sqlite is damaged: restore it from the latest backup" in done.stderr
    assert (spool.root / SQLITE_NAME).read_bytes() == damaged
