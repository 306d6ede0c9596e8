"""Brings the ledger's schema up to date at the first use in each process, in one transaction."""

from pathlib import Path

from sqlalchemy import Connection, inspect, text

HEAD = "0014"
"""The newest revision in ``migrations/versions``."""
ADVISORY_LOCK = 0x7261_6474_6D65
"""Held by the process that migrates a PostgreSQL database; the others wait. SQLite has one writer at a time anyway."""

NEWER = "a newer radtme wrote the ledger (revision {}): run that version"


class UnusableSchema(Exception):
    """The ledger's schema is not this program's, and cannot be brought up to date; the message says what to do."""


def revision_of(connection: Connection) -> str | None:
    """Return the revision of the schema; None where the database is empty."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    revision: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return revision


def is_up_to_date(connection: Connection) -> bool:
    """Tell whether the schema is of the newest revision.

    Raises
    ------
    UnusableSchema
        If a newer version of the program wrote the schema.
    """
    _refuse_newer(connection)
    return revision_of(connection) == HEAD


def bring_up_to_date(connection: Connection, to: str = HEAD) -> None:
    """Migrate the schema to a revision, by default the newest, in the caller's transaction, which has to write.

    Raises
    ------
    UnusableSchema
        If a newer version of the program wrote the schema, or a row is not possible in the new one.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": ADVISORY_LOCK})
    found = revision_of(connection)
    if (found or "") >= to:  # another process was faster, for example
        _refuse_newer(connection)
        return
    if found is not None and connection.dialect.name == "postgresql":
        # After the end of all transactions, each of which has read it first; those that follow wait, and read it anew.
        connection.execute(text("LOCK TABLE alembic_version IN ACCESS EXCLUSIVE MODE"))
    # Only where there is something to do: Alembic takes a fifth of a second to load.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, to)


def require_revision(connection: Connection, expected: str | None) -> None:
    """Let pass a schema of the revision that it is known to have.

    Raises
    ------
    UnusableSchema
        If it has another one by now.
    """
    found = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    if found == expected:
        return
    if found is not None and found > HEAD:
        raise UnusableSchema(NEWER.format(found))
    raise UnusableSchema(f"the ledger's schema is of revision {found} by now: the next access opens it again")


def _refuse_newer(connection: Connection) -> None:
    """Let pass the schemas of this version of the program, whose revisions are numbered in their order."""
    found = revision_of(connection)
    if found is not None and found > HEAD:
        raise UnusableSchema(NEWER.format(found))
