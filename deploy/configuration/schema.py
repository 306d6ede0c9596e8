"""The JSON Schema of the configuration file, for editors: made from the same dataclasses and checks that read it."""

import ast
import inspect
import textwrap
import types
import typing
from collections.abc import Iterator
from dataclasses import MISSING, Field, fields, is_dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from deploy.configuration.load import LISTENER_SKIP, WORKERS_SKIP
from deploy.configuration.redis_url import RedisSettings
from deploy.configuration.sections import Locations, RetentionSettings, SinkSettings, StatusPageSettings
from deploy.configuration.target_checks import DIMSE_SETTINGS, foreign_settings
from deploy.configuration.values import bounds_of
from listener.settings import AuditSettings, ListenerSettings
from workers.settings import WebhookSettings, WorkerSettings
from workers.targets.target import Target, TargetKind

DIALECT = "https://json-schema.org/draft/2020-12/schema"
SECTIONS: tuple[tuple[str, type, frozenset[str]], ...] = (
    ("redis", RedisSettings, frozenset()),
    ("listener", ListenerSettings, LISTENER_SKIP),
    ("workers", WorkerSettings, WORKERS_SKIP),
    ("sink", SinkSettings, frozenset()),
    ("audit", AuditSettings, frozenset()),
    ("status_page", StatusPageSettings, frozenset()),
    ("retention", RetentionSettings, frozenset()),
    ("webhook", WebhookSettings, frozenset()),
)
PLAIN = {str: "string", Path: "string", bool: "boolean", int: "integer", float: "number"}


def configuration_schema() -> dict[str, Any]:
    """Return the schema of ``radtme.yaml``."""
    properties = dict(_properties(Locations, ""))
    for name, section, skip in SECTIONS:
        read = _section(section, name, skip)
        read.pop("required", None)  # what has no default of its own here gets one from another setting
        properties[name] = _nothing_or({"description": _summary(section), **read})
    properties["targets"] = _nothing_or(
        {
            "description": "Where results go.",
            "type": "array",
            "items": {"description": _summary(Target), **_section(Target, "targets", frozenset()), **_by_kind()},
        }
    )
    return {
        "$schema": DIALECT,
        "title": "radtme.yaml",
        "description": "The configuration of a radtme installation.",
        "type": "object",
        "additionalProperties": False,
        "properties": properties,
    }


def _by_kind() -> dict[str, Any]:
    """Return what each kind of target needs, and may not have."""
    return {
        "if": {"properties": {"kind": {"const": TargetKind.DICOMWEB.value}}, "required": ["kind"]},
        "then": {"required": ["url"], "properties": dict.fromkeys(foreign_settings(TargetKind.DICOMWEB), False)},
        "else": {
            "required": list(DIMSE_SETTINGS),
            "properties": dict.fromkeys(foreign_settings(TargetKind.DIMSE), False),
        },
    }


def _section(schema: type, name: str, skip: frozenset[str]) -> dict[str, Any]:
    found: dict[str, Any] = {
        "type": "object",
        "additionalProperties": False,
        "properties": {key: value for key, value in _properties(schema, name) if key not in skip},
    }
    required = [each.name for each in fields(schema) if _is_required(each) and each.name not in skip]
    return {**found, "required": required} if required else found


def _properties(schema: type, name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    hints, texts = typing.get_type_hints(schema), dict(_field_texts(schema))
    for each in fields(schema):
        setting = f"{name}.{each.name}" if name else each.name
        found: dict[str, Any] = {}
        if each.name in texts:
            found["description"] = texts[each.name]
        found |= _value(hints[each.name], setting)
        default = each.default
        if isinstance(default, str | bool | int | float) and each.repr:
            found["default"] = default.value if isinstance(default, StrEnum) else default
        yield each.name, found


def _value(hint: Any, setting: str) -> dict[str, Any]:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (tuple, frozenset):
        return _nothing_or({"type": "array", "items": _value(arguments[0], setting)})
    if origin in (types.UnionType, typing.Union):
        inner = next(argument for argument in arguments if argument is not type(None))
        return _nothing_or(_value(inner, setting))
    if is_dataclass(hint) and isinstance(hint, type):
        return {"description": _summary(hint), **_section(hint, setting, frozenset())}
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return {"enum": [member.value for member in hint]}
    return {"type": PLAIN[hint], **bounds_of(setting)}


def _nothing_or(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of what may also be left empty in the file."""
    return {**schema, "type": [schema["type"], "null"]} if isinstance(schema.get("type"), str) else schema


def _is_required(each: "Field[Any]") -> bool:
    return each.default is MISSING and each.default_factory is MISSING


def _summary(schema: type) -> str:
    return (inspect.getdoc(schema) or "").partition("\n\n")[0].replace("\n", " ")


def _field_texts(schema: type) -> Iterator[tuple[str, str]]:
    """Yield the text that stands below a field in the source, by the field's name."""
    (definition,) = ast.parse(textwrap.dedent(inspect.getsource(schema))).body
    assert isinstance(definition, ast.ClassDef)  # noqa: S101 - the source of a class is a class
    for before, after in zip(definition.body, definition.body[1:], strict=False):
        if not isinstance(before, ast.AnnAssign) or not isinstance(before.target, ast.Name):
            continue
        if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant) and isinstance(after.value.value, str):
            yield before.target.id, " ".join(after.value.value.split())
