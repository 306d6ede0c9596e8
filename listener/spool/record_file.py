"""Records of the spool: frozen dataclasses, each read from and written to one JSON file.

A record's fields are documented once, at its dataclass; their types say what the file may hold. What a file says beyond
them is ignored: a later version may have written it.
"""

import json
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BeforeValidator, Field, PlainSerializer, TypeAdapter, ValidationError

from listener.runtime.logger import Logger
from listener.runtime.timestamps import format_time, parse_time
from listener.spool.atomic_files import write_json

log = Logger(__name__)

R = TypeVar("R")


class UnreadableRecord(ValueError):
    """A file of the spool does not hold the record that it should: the message names the file and the fields."""


def _time(value: object) -> datetime:
    moment = parse_time(value)
    if moment is None:
        raise ValueError("expected a time in ISO 8601")
    return moment


UtcTime = Annotated[datetime, BeforeValidator(_time), PlainSerializer(format_time)]
"""A time; in the file ISO 8601 to the millisecond, UTC where it does not say."""
TimeIfReadable = Annotated[datetime | None, BeforeValidator(parse_time), PlainSerializer(format_time)]
"""The same; a text that is no time counts as none."""
SortedUids = Annotated[frozenset[str], PlainSerializer(sorted)]
"""UIDs without an order; sorted in the file, so that the same record gives the same bytes."""
LEFT_OUT_IF_NONE = Field(exclude_if=lambda value: value is None)
"""The file does not name the field where it is None."""


def _adapter(kind: Any) -> TypeAdapter[Any]:
    return _adapter_made_once(kind)


@cache
def _adapter_made_once(kind: type) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def record_of(kind: type[R], content: object, name: str) -> R:
    """Return the record that JSON values describe; ``name`` says in the error where they come from.

    Raises
    ------
    UnreadableRecord
        If they describe none. The message does not quote them.
    """
    try:
        record: R = _adapter(kind).validate_python(content)
    except ValidationError as error:
        raise UnreadableRecord(f"{name}: {_complaints(error)}") from error
    return record


def as_json(record: object) -> dict[str, Any]:
    """Return what a record's file holds."""
    content: dict[str, Any] = _adapter(type(record)).dump_python(record, mode="json", by_alias=True)
    return content


def read_record(kind: type[R], path: Path) -> R:
    """Read a record.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    UnreadableRecord
        If it is damaged, or holds something else.
    """
    try:
        content = json.loads(path.read_bytes())
    except ValueError as error:
        raise UnreadableRecord(f"{path.name}: {error}") from error
    if not isinstance(content, Mapping):
        raise UnreadableRecord(f"{path.name}: expected a JSON object, found {type(content).__name__}")
    return record_of(kind, content, path.name)


def read_optional(kind: type[R], path: Path) -> R | None:
    """Read a record; None where there is no such file."""
    try:
        return read_record(kind, path)
    except FileNotFoundError:
        return None


def read_intact(kind: type[R], path: Path) -> R | None:
    """Read a record; None also where a power cut left the file damaged, for one that can be written again."""
    try:
        return read_optional(kind, path)
    except UnreadableRecord:
        log.warning("file_unreadable", job=path.parent.name, name=path.name)
        return None


def write_record(path: Path, record: object) -> None:
    """Write a record, whole or not at all."""
    write_json(path, as_json(record))


def _complaints(error: ValidationError) -> str:
    """Return which field is wrong and how, without its value: it may be anything."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    return "; ".join(f"{'.'.join(map(str, one['loc'])) or 'record'}: {one['msg']}" for one in found)
