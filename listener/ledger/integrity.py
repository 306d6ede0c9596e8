"""Whether an embedded ledger is whole: SQLite reads all of it, which takes the longer, the more is kept."""

import errno

from listener.ledger.database import DAMAGED_WORDS, Ledger, LedgerUnavailable


def require_intact(ledger: Ledger) -> None:
    """Read all of an embedded ledger; one on PostgreSQL is that server's business.

    Raises
    ------
    LedgerUnavailable
        If it is damaged, or cannot be read.
    """
    with ledger.reading() as connection:
        if connection.dialect.name != "sqlite":
            return
        found = connection.exec_driver_sql("PRAGMA integrity_check(1)").scalar()
        if found != "ok" or connection.exec_driver_sql("PRAGMA foreign_key_check").first() is not None:
            raise LedgerUnavailable(errno.EAGAIN, DAMAGED_WORDS)
