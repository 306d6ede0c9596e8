"""Roles of PostgreSQL that may read the ledger's views, and nothing else: for Grafana and other people's questions."""

from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from listener.ledger.database import Ledger

VIEWS_SCHEMA = "radtme_views"
"""Made by the migrations, on PostgreSQL alone."""


class RoleNotGranted(Exception):
    """The role does not exist, or the ledger's own role may not grant anything to it."""


def let_read(ledger: Ledger, role: str) -> tuple[str, ...]:
    """Let an existing role read the views; return their names.

    Raises
    ------
    RoleNotGranted
        If that is not possible.
    """
    names = text("SELECT table_name FROM information_schema.views WHERE table_schema = :schema ORDER BY table_name")
    with ledger.writing() as connection:
        quoted = connection.dialect.identifier_preparer.quote_identifier(role)
        try:
            connection.execute(text(f"GRANT USAGE ON SCHEMA {VIEWS_SCHEMA} TO {quoted}"))
            connection.execute(text(f"GRANT SELECT ON ALL TABLES IN SCHEMA {VIEWS_SCHEMA} TO {quoted}"))
            connection.execute(
                text(f"ALTER DEFAULT PRIVILEGES IN SCHEMA {VIEWS_SCHEMA} GRANT SELECT ON TABLES TO {quoted}")
            )
        except ProgrammingError as error:
            raise RoleNotGranted(str(error.orig).partition("\n")[0]) from error
        return tuple(connection.execute(names, {"schema": VIEWS_SCHEMA}).scalars())
