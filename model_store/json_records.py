"""Frozen dataclasses as JSON, read and written by pydantic as their types say.

Every field must be in the file and every field of the file must be known: a field that is filled in or ignored could
change a score.
"""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

R = TypeVar("R")

MAX_SHOWN = 60
"""Characters of a wrong value in a message."""


def _adapter(kind: Any) -> TypeAdapter[Any]:
    return _adapter_made_once(kind)


@cache
def _adapter_made_once(kind: type) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def as_json(record: object) -> dict[str, Any]:
    """Return what a record's file holds; `record_of` reads it back."""
    content: dict[str, Any] = _adapter(type(record)).dump_python(record, mode="json")
    return content


def record_of(kind: type[R], content: Mapping[str, Any]) -> R:
    """Return the record that JSON values describe.

    Raises
    ------
    ValueError
        Naming each field that is missing, unknown, or holds what it cannot hold.
    """
    try:
        record: R = _adapter(kind).validate_json(json.dumps(content), strict=True)
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False)
        raise ValueError("; ".join(_complaint(one["loc"], one["msg"], one["input"]) for one in found)) from error
    if differing := sorted(_differing(as_json(record), content)):
        raise ValueError(f"fields are missing or unknown: {', '.join(differing)}")
    return record


def _complaint(location: tuple[int | str, ...], message: str, value: object) -> str:
    found = f", found {value!r}" if isinstance(value, str | int | float) and len(repr(value)) <= MAX_SHOWN else ""
    return f"{'.'.join(map(str, location)) or 'record'}: {message}{found}"


def _differing(written: object, content: object, at: str = "") -> Iterator[str]:
    """Yield the fields that only one of two JSON values has, at any depth."""
    if isinstance(written, Mapping) and isinstance(content, Mapping):
        yield from (f"{at}{name}" for name in written.keys() ^ content.keys())
        for name in written.keys() & content.keys():
            yield from _differing(written[name], content[name], f"{at}{name}.")
    elif isinstance(written, list) and isinstance(content, list):
        for number, (one, other) in enumerate(zip(written, content, strict=True)):
            yield from _differing(one, other, f"{at}{number}.")
