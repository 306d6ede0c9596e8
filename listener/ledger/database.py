"""The ledger's database: SQLite in the spool, or PostgreSQL where several machines work. Short transactions only.

Each process has its own engine for each URL. No connection is open while a process forks: the child would take its
parent's locks on an SQLite file for its own, and a PostgreSQL connection serves one process only.
"""

import errno
import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Condition, Lock
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, OperationalError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import NullPool

from listener.ledger.migration import (
    HEAD,
    UnusableSchema,
    bring_up_to_date,
    is_up_to_date,
    require_revision,
    revision_of,
)
from listener.runtime.fault_points import FaultPoint, reach

SQLITE_NAME = "ledger.sqlite"
"""In the spool's folder."""
LOCK_TIMEOUT_SECONDS = 10
"""How long a transaction waits for another one."""
MIGRATION_WAITS = 12
"""How often that long a process waits for another one that migrates."""
WAITED = frozenset({"55P03", "40P01"})
"""PostgreSQL: a lock was not free in time, or would never have been (a deadlock)."""
IDLE_TRANSACTION_SECONDS = 30
"""PostgreSQL ends a transaction of which it has heard nothing for so long: a machine that died keeps no lock."""
CONNECT_TIMEOUT_SECONDS = 3
SILENCE_MILLISECONDS = 10_000
"""After this long without an acknowledgement the connection to PostgreSQL counts as broken."""
POOL_SIZE = 4
"""Connections that a process keeps; it opens more for a moment where more threads need one at once."""
WRITES = "ledger_writes"
REVISION = "ledger_revision"
"""Execution options: whether a transaction writes; which schema an engine was opened with, once that is known."""
SQLITE_ERRNOS: Mapping[int, int] = {
    3: errno.EACCES,  # SQLITE_PERM
    8: errno.EROFS,  # SQLITE_READONLY
    13: errno.ENOSPC,  # SQLITE_FULL
    14: errno.EACCES,  # SQLITE_CANTOPEN
}
"""All others pass too, as a lock does that is held too long: what needs the ledger is tried again."""
DAMAGED = frozenset({11, 26})
"""SQLITE_CORRUPT and SQLITE_NOTADB."""
DAMAGED_WORDS = f"{SQLITE_NAME} is damaged: restore it from the latest backup"

FORK_WAIT_SECONDS = 5.0
"""How long a fork waits for the transactions of other threads."""

_engines: dict[str, Engine] = {}
_inherited: list[Engine] = []
_engines_lock = Lock()
_transactions = Condition(Lock())
_open_transactions = 0


class LedgerUnavailable(OSError):
    """The ledger's database cannot be used at the moment; ``strerror`` gives the reason without any value."""


@dataclass(frozen=True)
class Ledger:
    """The ledger at one URL. Holds no state of its own."""

    url: str = field(repr=False)
    """Of SQLAlchemy. May hold a password: never shown."""

    @classmethod
    def in_folder(cls, folder: Path) -> "Ledger":
        """Return the embedded ledger (SQLite) in a folder."""
        return cls(URL.create("sqlite", database=str(folder / SQLITE_NAME)).render_as_string())

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Read in one transaction; it sees nothing that is committed after its first query on SQLite.

        Raises
        ------
        LedgerUnavailable
            If the database cannot be used, or another version of the program has migrated it meanwhile.
        """
        with _counted(), _our_errors(), _engine(self.url).connect() as connection:
            _require_as_opened(connection)
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Write in one transaction, which is committed when the block ends, and rolled back where it raises.

        Raises
        ------
        LedgerUnavailable
            If the database cannot be used, or another version of the program has migrated it meanwhile; nothing was
            written.
        """
        with _counted(), _our_errors(), _writing(_engine(self.url)) as connection:
            _require_as_opened(connection)
            yield connection
            reach(FaultPoint.LEDGER_WRITTEN)


def open_at(ledger: Ledger, revision: str) -> None:
    """Migrate a ledger to this revision and no further, and use it so from now on: for an import."""
    with _engines_lock:
        engine = _engines.get(ledger.url) or _new_engine(ledger.url)
        with _our_errors(), _writing(engine) as connection:
            bring_up_to_date(connection, revision)
            found = revision_of(connection)  # a later one, where an import was interrupted
        engine.update_execution_options(**{REVISION: found})
        _engines[ledger.url] = engine


@contextmanager
def _counted() -> Iterator[None]:
    """Let forks wait for the transaction in the block, and the transaction for a fork."""
    global _open_transactions
    with _transactions:
        _open_transactions += 1
    try:
        yield
    finally:
        with _transactions:
            _open_transactions -= 1
            _transactions.notify_all()


def _engine(url: str) -> Engine:
    with _engines_lock:
        engine = _engines.get(url) or _new_engine(url)
        if engine.get_execution_options().get(REVISION) is None:
            _bring_up_to_date(engine)
            engine.update_execution_options(**{REVISION: HEAD})
        _engines[url] = engine
        return engine


def _require_as_opened(connection: Connection) -> None:
    """Refuse a schema that this process did not find at its first use; the next transaction opens the ledger anew.

    A process that outlives an update, or a restored backup, would otherwise write by the rules of another version.
    """
    try:
        require_revision(connection, connection.get_execution_options().get(REVISION))
    except UnusableSchema:
        connection.engine.update_execution_options(**{REVISION: None})
        raise


def _bring_up_to_date(engine: Engine) -> None:
    """Migrate, unless that is done; wait longer than for a transaction while another process migrates.

    Several start at once after an update, and the first one needs more than a moment where the machine is busy.
    """
    with engine.connect() as connection:
        if is_up_to_date(connection):
            return
    for left in reversed(range(MIGRATION_WAITS)):
        try:
            with _writing(engine) as connection:
                bring_up_to_date(connection)
        except OperationalError as error:
            is_busy = getattr(error.orig, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY
            if not left or not (is_busy or getattr(error.orig, "sqlstate", None) in WAITED):
                raise
        else:
            return


@contextmanager
def _writing(engine: Engine) -> Iterator[Connection]:
    with engine.connect() as connection, connection.execution_options(**{WRITES: True}).begin():
        yield connection


def _new_engine(url: str) -> Engine:
    parts = make_url(url)
    options: dict[str, Any] = {"pool_size": POOL_SIZE, "pool_pre_ping": True, "pool_timeout": LOCK_TIMEOUT_SECONDS}
    if parts.get_backend_name() == "sqlite":
        # Read-only connections are not kept: one to an unused file would not notice that a process uses it again.
        options = {"poolclass": NullPool} if _is_read_only(str(parts.database)) else {**options, "max_overflow": 64}
        engine = create_engine(parts, connect_args={"timeout": LOCK_TIMEOUT_SECONDS}, hide_parameters=True, **options)
        event.listen(engine, "do_connect", _connect_read_only)
        event.listen(engine, "connect", _configure_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    arguments = {
        "connect_timeout": CONNECT_TIMEOUT_SECONDS,
        "tcp_user_timeout": SILENCE_MILLISECONDS,
        # While an answer is awaited nothing is sent that could stay unacknowledged: without these, for two hours.
        "keepalives_idle": SILENCE_MILLISECONDS // 2000,
        "keepalives_interval": 2,
        "keepalives_count": 3,
        "application_name": "radtme",
        "options": f"-c lock_timeout={LOCK_TIMEOUT_SECONDS}s "
        f"-c idle_in_transaction_session_timeout={IDLE_TRANSACTION_SECONDS}s",
    }
    return create_engine(parts, connect_args=arguments, hide_parameters=True, max_overflow=POOL_SIZE, **options)


def _is_read_only(path: str) -> bool:
    return os.path.exists(path) and not os.access(os.path.dirname(path), os.W_OK)


def _connect_read_only(dialect: object, record: object, arguments: Sequence[Any], parameters: dict[str, Any]) -> Any:
    """Open the file as one that nobody changes where nobody uses it and SQLite cannot create the files of its WAL.

    While another process uses it they exist, and SQLite reads through them. https://sqlite.org/wal.html#readonly
    """
    path = str(arguments[0])
    if not _is_read_only(path) or os.path.exists(f"{path}-wal"):
        return None
    return sqlite3.connect(f"{Path(path).absolute().as_uri()}?immutable=1", uri=True, **parameters)


def _configure_sqlite(connection: Any, record: object) -> None:
    # Transactions begin and end as SQLAlchemy says it: left to itself, the module begins some of them too late.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    # A transaction that reads first and then writes could otherwise fail halfway, when another one has written.
    writes = connection.get_execution_options().get(WRITES)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextmanager
def _our_errors() -> Iterator[None]:
    try:
        yield
    except (DataError, IntegrityError, ProgrammingError):  # a defect of the program, not of the database
        raise
    except DBAPIError as error:
        raise _unavailable(error.orig) from error
    except sqlite3.Error as error:  # at connecting, where SQLAlchemy does not wrap it
        raise _unavailable(error) from error
    except UnusableSchema as error:
        raise LedgerUnavailable(errno.EAGAIN, str(error)) from error
    except PoolTimeout as error:
        raise LedgerUnavailable(errno.EAGAIN, "the ledger: all connections are in use") from error


def _unavailable(error: BaseException | None) -> LedgerUnavailable:
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:
        return LedgerUnavailable(errno.EAGAIN, f"the ledger's database does not answer ({type(error).__name__})")
    primary = code & 0xFF
    if primary in DAMAGED:
        return LedgerUnavailable(errno.EAGAIN, DAMAGED_WORDS)
    number = SQLITE_ERRNOS.get(primary, errno.EAGAIN)
    return LedgerUnavailable(number, f"{SQLITE_NAME}: {os.strerror(number)} (SQLite error {code})")


def _before_fork() -> None:
    _transactions.acquire()
    _transactions.wait_for(lambda: not _open_transactions, FORK_WAIT_SECONDS)
    for engine in _engines.values():
        engine.dispose()


def _after_fork_in_child() -> None:
    global _engines_lock, _transactions, _open_transactions
    # Kept, not closed: where a transaction outlasted the wait, its connection is the parent's.
    _inherited.extend(_engines.values())
    _engines.clear()
    _engines_lock, _transactions, _open_transactions = Lock(), Condition(Lock()), 0


os.register_at_fork(
    before=_before_fork, after_in_parent=lambda: _transactions.release(), after_in_child=_after_fork_in_child
)
