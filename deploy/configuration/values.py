"""Converts plain data to settings: pydantic checks types and bounds; this module adds other checks and the messages."""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any, TypeVar, cast, get_args

import annotated_types
from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from deploy.configuration.ledger_url import EXPECTED_URL as EXPECTED_LEDGER
from deploy.configuration.ledger_url import ledger_parts
from deploy.configuration.reader import (
    ConfigurationReader,
    GivenValue,
    Location,
    is_list,
    plain_type,
    setting_name,
)
from deploy.configuration.redis_url import EXPECTED_URL, redis_parts
from deploy.configuration.units import expected_unit
from deploy.network.peer import checked_ae_title
from listener.scp.allow_list import network, plain_fingerprint

Settings = TypeVar("Settings")
EXPECTED = {int: "a whole number", float: "a number", bool: "true or false"}


def settings_from(reader: ConfigurationReader, data: dict[str, Any], schema: type[Settings]) -> Settings | None:
    """Return the settings; each problem is added to the reader's, and its setting keeps its default.

    Relative paths start at the folder of the configuration file. None where the rest is unusable.
    """
    failed = {where: problem for where, given in reader.given.items() if (problem := _text_problem(where, given))}
    try:
        # Strict, as JSON: a list becomes a tuple and text a path, but "104" is no number.
        found = TypeAdapter(schema).validate_json(_json(data), strict=True)
    except ValidationError as error:
        errors = error.errors(include_url=False)
        failed |= {each["loc"]: _message(each, reader.given) for each in errors if each["type"] != "missing"}
        failed |= _missing(
            each["loc"] for each in errors if each["type"] == "missing" and each["loc"][:-1] not in reader.unusable
        )
    if failed or reader.unusable:
        for location, message in failed.items():
            origin = reader.given[location].origin if location in reader.given else reader.file_name
            name = location[:-1] if location and _is_plain_item(location, reader) else location
            reader.add_problem(origin, setting_name(name), message)
        _leave_out(reader, data, failed.keys() | reader.unusable)
        try:
            found = TypeAdapter(schema).validate_json(_json(data), strict=True)
        except ValidationError:
            return None
    return cast("Settings", with_absolute_paths(found, reader.base))


def with_absolute_paths(value: Any, base: Path) -> Any:
    """Return a value whose relative paths start at ``base``."""
    if isinstance(value, Path):
        return base / value.expanduser()
    if isinstance(value, tuple):
        return tuple(with_absolute_paths(item, base) for item in value)
    if is_dataclass(value) and not isinstance(value, type):
        return replace(
            value, **{one.name: with_absolute_paths(getattr(value, one.name), base) for one in fields(value)}
        )
    return value


def _json(data: dict[str, Any]) -> str:
    # Half a surrogate pair cannot be encoded; `_text_problem` reports it.
    return json.dumps(data, ensure_ascii=False).encode("utf-8", "replace").decode()


def _is_plain_item(location: Location, reader: ConfigurationReader) -> bool:
    return isinstance(location[-1], int) and not is_dataclass(reader.given[location].annotation)


def _leave_out(reader: ConfigurationReader, data: dict[str, Any], failed: Iterable[Location]) -> None:
    """Remove the items of lists and the settings of sections that cannot be used."""
    for location in sorted({_whole(one) for one in failed}, key=_order, reverse=True):
        *way, last = location
        parent: Any = data
        for part in way:
            parent = parent[part]
        if isinstance(last, int):
            reader.kept_items.setdefault(setting_name(tuple(way)), list(range(len(parent)))).remove(last)
        del parent[last]


def _order(location: Location) -> list[str]:
    return [f"{part:>9}" for part in location]  # item 10 after item 9


def _whole(location: Location) -> Location:
    """Return what is removed where a value is invalid: the whole item of a list, or the setting."""
    return next((location[: n + 1] for n, part in enumerate(location) if isinstance(part, int)), location[:2])


# Messages ------------------------------------------------------------------------------------------------------------


def _missing(locations: Iterable[Location]) -> Iterator[tuple[Location, str]]:
    names: dict[Location, list[str]] = {}
    for location in locations:
        names.setdefault(location[:-1], []).append(str(location[-1]))
    return ((location, f"expected also {', '.join(missing)}") for location, missing in names.items())


def _message(error: ErrorDetails, given: Mapping[Location, GivenValue]) -> str:
    if error["type"] == "value_error":  # raised by __post_init__, about several fields
        return str(error["ctx"]["error"])
    if error["loc"] not in given:
        return error["msg"]
    one = given[error["loc"]]
    hint = ""
    expected = _expected(error, one.annotation)
    if is_dataclass(one.annotation) and one.origin.startswith("environment"):
        return "expected a section in the configuration file; the environment cannot hold one"
    if expected == "text" and isinstance(one.value, bool | int | float):
        hint = f' (for text, write "{one.found}" in quotes)'
    if isinstance(one.value, str) and plain_type(one.annotation) in (int, float):
        expected += expected_unit(_last_name(error["loc"]))
    return f"expected {expected}, found {one.found}{hint}"


def _expected(error: ErrorDetails, annotation: Any) -> str:
    if error["type"] == "enum":
        return f"one of {', '.join(member.value for member in annotation)}"
    if error["type"] in ("greater_than", "greater_than_equal", "less_than", "less_than_equal"):
        return _bounds(get_args(annotation)[1])
    if is_dataclass(annotation):
        return "a section of keys and values"
    if is_list(annotation):
        return "a list ([...] or lines that begin with -)"
    return EXPECTED.get(plain_type(annotation), "text")


def _bounds(bound: Any) -> str:
    match bound:
        case annotated_types.Interval(gt=None, ge=lowest, lt=None, le=highest):
            return f"a number from {lowest} to {highest}"
        case annotated_types.Interval(gt=lowest, lt=None, le=highest):
            return f"more than {lowest}, at most {highest}"
        case annotated_types.Interval(gt=lowest, lt=highest):
            return f"more than {lowest}, less than {highest}"
        case annotated_types.Ge(ge=lowest):
            return f"at least {lowest}"
        case _:
            return f"more than {bound.gt}"


# Checks of text -----------------------------------------------------------------------------------------------------


def _text_problem(location: Location, given: GivenValue) -> str:
    """Return what is wrong with a text that its type cannot say; empty where it can be used."""
    if not isinstance(given.value, str):
        return ""
    check = _path if given.annotation is Path else CHECKS.get(_last_name(location))
    if location == ("redis", "url"):
        check = _redis_url
    if location == ("ledger", "url"):
        check = _ledger_url
    try:
        given.value.encode()
        if check is not None:
            check(given.value)
    except UnicodeEncodeError:
        return "expected Unicode text, found half of a surrogate pair"
    except ValueError as error:
        return str(error)
    return ""


def _last_name(location: Location) -> str:
    return str(next(part for part in reversed(location) if isinstance(part, str)))


def _path(value: str) -> None:
    if not value.strip() or "\0" in value:
        raise ValueError(f"expected a path, found {value!r}")
    try:
        Path(value).expanduser()
    except RuntimeError as error:  # ~nobody/...
        raise ValueError(f"expected a path, found {value!r}: {error}") from error


def _host(value: str) -> None:
    if not value or not re.fullmatch(r"[A-Za-z0-9._:%-]+", value):
        raise ValueError(f"expected a host name or an IP address without a port, found {value!r}")
    if re.fullmatch(r"[^:]+:[0-9]+", value):
        raise ValueError(f"expected a host without a port (the port is a separate setting), found {value!r}")


def _redis_url(value: str) -> None:
    if redis_parts(value) is None:
        # The value may hold a password: it is not repeated.
        raise ValueError(f"{EXPECTED_URL}, found something else")


def _ledger_url(value: str) -> None:
    if ledger_parts(value) is None:
        # The value may hold a password: it is not repeated.
        raise ValueError(f"{EXPECTED_LEDGER}, found something else")


def _name(value: str) -> None:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}", value):
        raise ValueError(f"expected a name of letters, digits, _ and - (at most 32; it names a file), found {value!r}")


def _network(value: str) -> None:
    try:
        network(value)
    except ValueError as error:
        raise ValueError(f"expected an IP address or a network such as 192.0.2.0/24, found {value!r}") from error


def _header(value: str) -> None:
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9-]{0,63}", value):
        raise ValueError(f"expected the name of an HTTP header, such as X-Api-Key, found {value!r}")


CHECKS: Mapping[str, Callable[[str], object]] = {
    "ae_title": checked_ae_title,
    "calling_ae_titles": checked_ae_title,
    "senders": checked_ae_title,
    "host": _host,
    "metrics_host": _host,
    "addresses": _network,
    "certificate_fingerprint": plain_fingerprint,
    "name": _name,
    "secret_header": _header,
}
"""By the last part of a setting's name."""
