"""What the tables of the ledger have in common: their metadata, column types, and rows as frozen dataclasses.

Each table is defined beside the record that it holds. The revisions in ``migrations/versions`` create them; a test
compares both.
"""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import (
    JSON,
    Connection,
    DateTime,
    Dialect,
    Enum,
    MetaData,
    RowMapping,
    String,
    Table,
    Text,
    TypeDecorator,
)
from sqlalchemy.dialects import sqlite
from sqlalchemy.types import TypeEngine

if TYPE_CHECKING:  # PostgreSQL's dialect imports all of its drivers: only where it is used
    from sqlalchemy.dialects import postgresql

R = TypeVar("R")

METADATA = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(referred_table_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

UID = String(64)
AE_TITLE = String(16)
TARGET_NAME = String(64)
JOB_ID = String(32)
CODE = String(64)


class Values(TypeDecorator[Any]):
    """Values that are only read and written as a whole; characters that PostgreSQL cannot hold are replaced."""

    impl = JSON(none_as_null=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Return JSONB for PostgreSQL, JSON for SQLite."""
        if dialect.name != "postgresql":
            return super().load_dialect_impl(dialect)
        from sqlalchemy.dialects.postgresql import JSONB

        return dialect.type_descriptor(JSONB(none_as_null=True))

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        """Return the values with every text as the database can hold it."""
        return storable(value)


class AnyText(TypeDecorator[str]):
    """Text that may come from a peer; characters that PostgreSQL cannot hold are replaced."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Return the text as the database can hold it."""
        return None if value is None else str(storable(value))


def storable(value: Any) -> Any:
    """Return a value in which U+FFFD stands for NUL and for halves of surrogate pairs: PostgreSQL takes neither."""
    match value:
        case str():
            return value.encode(errors="replace").decode().replace("\0", "\ufffd")
        case dict():
            return {storable(name): storable(one) for name, one in value.items()}
        case list() | tuple():
            return [storable(one) for one in value]
    return value


VALUES = Values()


class UtcDateTime(TypeDecorator[datetime]):
    """A time in UTC; SQLite has no type for it, and keeps text that sorts by time."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return the time in UTC."""
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return the time with its zone."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def one_of(kind: type[StrEnum]) -> Enum:
    """Return the type of a column that holds a member of a closed set; the database accepts nothing else."""
    return Enum(
        kind,
        name=kind.__name__.lower(),
        native_enum=False,
        create_constraint=True,
        length=32,
        values_callable=lambda members: [member.value for member in members],
    )


def record_of(kind: type[R], row: RowMapping) -> R:
    """Return the record that a row holds, by the names of its fields."""
    return kind(**{one.name: row[one.name] for one in fields(kind)})  # type: ignore[arg-type]


def row_of(record: object) -> dict[str, Any]:
    """Return a record's fields by name, as a row holds them."""
    return {one.name: getattr(record, one.name) for one in fields(record)}  # type: ignore[arg-type]


def put(connection: Connection, table: Table, row: Mapping[str, Any]) -> None:
    """Insert a row; one with the same primary key is replaced."""
    keys = [column.name for column in table.primary_key]
    others = {name: value for name, value in row.items() if name not in keys}
    connection.execute(_insert(connection, table).values(row).on_conflict_do_update(index_elements=keys, set_=others))


def put_all(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows that all have the same columns; those with the same primary key are replaced."""
    keys = [column.name for column in table.primary_key]
    insert = _insert(connection, table)
    others = {name: insert.excluded[name] for name in rows[0] if name not in keys}
    connection.execute(insert.on_conflict_do_update(index_elements=keys, set_=others), rows)


def put_if_absent(connection: Connection, table: Table, row: Mapping[str, Any]) -> bool:
    """Insert a row, unless there is one with the same primary key; return whether it was inserted."""
    keys = list(table.primary_key)
    insert = _insert(connection, table).values(row).on_conflict_do_nothing(index_elements=keys)
    # Not the row count: SQLAlchemy does not keep it for an insert on every database.
    return connection.execute(insert.returning(*keys)).one_or_none() is not None


def _insert(connection: Connection, table: Table) -> "postgresql.Insert | sqlite.Insert":
    # The two dialects write it alike, and the general insert has no such clause.
    if connection.dialect.name == "sqlite":
        return sqlite.insert(table)
    from sqlalchemy.dialects import postgresql

    return postgresql.insert(table)
