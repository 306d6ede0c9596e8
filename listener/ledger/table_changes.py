"""Changes of tables in use, for the migrations: constraints that are added, and definitions of SQLite that change."""

from collections.abc import Callable, Mapping, Sequence

from sqlalchemy import Connection, inspect, text

from listener.ledger.migration import UnusableSchema


def add_constraints(connection: Connection, table: str, checks: Mapping[str, str], others: Sequence[str] = ()) -> None:
    """Add constraints to a table; ``checks`` are conditions by name.

    Raises
    ------
    UnusableSchema
        If a row does not meet one of the conditions.
    """
    added = [f"CONSTRAINT ck_{table}_{name} CHECK ({condition})" for name, condition in checks.items()] + [*others]
    if connection.dialect.name == "postgresql":
        # Nobody writes between the look at the rows and the end of the transaction.
        connection.execute(text(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE"))
        _require_possible(connection, table, checks)
        connection.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))
        connection.execute(text(f"ALTER TABLE {table} {', '.join(f'ADD {one}' for one in added)}"))
    else:
        _require_possible(connection, table, checks)
        redefine(connection, table, lambda former: f"{', '.join([former.removesuffix(')'), *added])})")


def redefine(connection: Connection, table: str, change: Callable[[str], str]) -> None:
    """Change the definition of a table of SQLite, which can only copy it, or have its definition changed.

    A copy of all jobs would take their deliveries with it. What the rows hold must not change, so that the definition
    may: https://sqlite.org/lang_altertable.html#otheralter
    """
    query = text("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = :name")
    former = str(connection.scalar(query, {"name": table})).rstrip()
    version = connection.scalar(text("PRAGMA schema_version"))
    connection.execute(text("PRAGMA writable_schema = ON"))
    put = text("UPDATE sqlite_master SET sql = :sql WHERE type = 'table' AND name = :name")
    connection.execute(put, {"sql": change(former), "name": table})
    connection.execute(text(f"PRAGMA schema_version = {int(version) + 1}"))
    connection.execute(text("PRAGMA writable_schema = RESET"))


def _require_possible(connection: Connection, table: str, checks: Mapping[str, str]) -> None:
    keys = inspect(connection).get_pk_constraint(table)["constrained_columns"]
    for name, condition in checks.items():
        query = text(f"SELECT {', '.join(keys)} FROM {table} WHERE NOT ({condition}) LIMIT 1")  # noqa: S608 - of this file
        row = connection.execute(query).mappings().one_or_none()
        if row is not None:
            where = ", ".join(f"{key} {value}" for key, value in row.items())
            raise UnusableSchema(f"the ledger has an impossible {name} in {table} ({where}): restore it from a backup")
