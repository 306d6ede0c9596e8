"""Fills frozen dataclasses from a YAML document and the environment, strictly, and remembers where each value stood.

The dataclasses are the schema: their fields are the keys, their annotations the types, their defaults the defaults.
Every problem is collected, so that one run shows all of them.
"""

import difflib
import types
import typing
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import yaml

from deploy.configuration.values import (
    Kind,
    Scalar,
    WrongValue,
    check_value,
    choice,
    number,
    path_value,
    scalar_from_yaml,
    text_value,
    whole_number,
    yes_no,
)

ENVIRONMENT_PREFIX = "RADTME_"


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong in a configuration."""

    place: str
    """File and line, or the environment variable."""
    setting: str
    message: str

    def order(self) -> tuple[str, int]:
        """Return what sorts problems as a reader meets them: by file, then by line."""
        file, _, line = self.place.rpartition(":")
        return (file, int(line)) if line.isdigit() else (self.place, 0)

    def __str__(self) -> str:
        return ": ".join(part for part in (self.place, self.setting, self.message) if part)


def environment_variable(setting: str) -> str:
    """Return the variable that overrides a setting: ``redis.url`` is ``RADTME_REDIS_URL``."""
    return ENVIRONMENT_PREFIX + setting.replace(".", "_").upper()


class ConfigurationReader:
    """Reads one configuration. `problems` and `origins` grow while it reads."""

    def __init__(self, file: Path | None, base: Path, environment: Mapping[str, str]) -> None:
        self.file_name = str(file) if file else ""
        self.base = base
        self.environment = environment
        self.problems: list[Problem] = []
        self.origins: dict[str, str] = {}
        """Where each setting that is not a default was given."""
        self.known_variables: set[str] = set()
        self._read_items: dict[str, list[int]] = {}
        """Of each list in the file, the numbers of those items that could be read: the others leave no gap."""

    def place(self, node: yaml.Node) -> str:
        """Return the file and line of a node."""
        return f"{self.file_name}:{node.start_mark.line + 1}"

    def as_written(self, setting: str) -> str:
        """Return a setting that is named by its place among the items that could be read as the file numbers it."""
        name, _, rest = setting.partition("[")
        index, bracket, tail = rest.partition("]")
        numbers = self._read_items.get(name, [])
        if not bracket or int(index) >= len(numbers):  # no item, or one that does not come from the file
            return setting
        return f"{name}[{numbers[int(index)]}]{tail}"

    def add_problem(self, place: str, setting: str, message: str) -> None:
        """Remember something that is wrong."""
        self.problems.append(Problem(place, setting, message))

    # Mappings --------------------------------------------------------------------------------------------------------

    def entries(self, node: yaml.Node | None, name: str, known: Iterable[str]) -> dict[str, yaml.Node]:
        """Return the entries of a section; what is no mapping, unknown or there twice is a problem."""
        if node is None or _is_nothing(node):
            return {}
        if not isinstance(node, yaml.MappingNode):
            self.add_problem(self.place(node), name, f"expected a section of keys and values, found {_shape(node)}")
            return {}
        known = tuple(known)
        found: dict[str, yaml.Node] = {}
        for key_node, value_node in node.value:
            key = str(key_node.value) if isinstance(key_node, yaml.ScalarNode) else ""
            setting = f"{name}.{key}" if name else key
            if key not in known:
                self.add_problem(self.place(key_node), setting, unknown_key(known, key))
            elif key in found:
                self.add_problem(self.place(key_node), setting, "is given twice; keep one of them")
            else:
                found[key] = value_node
        return found

    def given(
        self,
        schema: type,
        node: yaml.Node | None,
        name: str,
        *,
        skip: frozenset[str] = frozenset(),
        environment: bool = True,
    ) -> dict[str, Any]:
        """Return the fields of the dataclass ``schema`` that the section or the environment gives."""
        hints = typing.get_type_hints(schema)
        names = [field.name for field in fields(schema) if field.name not in skip]
        entries = self.entries(node, name, names)
        values: dict[str, Any] = {}
        for key in names:
            setting = f"{name}.{key}" if name else key
            source = self._source(entries.get(key), setting, environment=environment)
            if source is None:
                continue
            place = source.place if isinstance(source, Scalar) else self.place(source)
            try:
                values[key] = self._value(hints[key], source, setting)
            except WrongValue as error:
                self.add_problem(place, setting, str(error))
            else:
                self.origins[setting] = place
        return values

    def instance(self, schema: type, node: yaml.Node, name: str) -> Any:
        """Return an instance of ``schema`` from a section without defaults from elsewhere; None after a problem."""
        before = len(self.problems)
        values = self.given(schema, node, name, environment=False)
        if len(self.problems) > before:
            return None
        required = [f.name for f in fields(schema) if f.default is MISSING and f.default_factory is MISSING]
        missing = [key for key in required if key not in values]
        if missing:
            self.add_problem(self.place(node), name, f"expected also {', '.join(missing)}")
            return None
        try:
            return schema(**values)
        except ValueError as error:  # what its fields must be together
            self.add_problem(self.place(node), name, str(error))
            return None

    def _source(self, node: yaml.Node | None, setting: str, *, environment: bool) -> yaml.Node | Scalar | None:
        variable = environment_variable(setting)
        if environment:
            self.known_variables.add(variable)
        if environment and self.environment.get(variable):
            return Scalar(self.environment[variable], Kind.UNTYPED, f"environment {variable}")
        return node

    # Values ----------------------------------------------------------------------------------------------------------

    def _value(self, hint: Any, source: yaml.Node | Scalar, setting: str) -> Any:
        origin, arguments = typing.get_origin(hint), typing.get_args(hint)
        if origin in (tuple, frozenset):
            return origin(self._items(arguments[0], source, setting))
        if origin in (types.UnionType, typing.Union):
            inner = next(argument for argument in arguments if argument is not type(None))
            if isinstance(source, yaml.Node) and _is_nothing(source):
                return None
            return self._value(inner, source, setting)
        if is_dataclass(hint) and isinstance(hint, type):
            if isinstance(source, Scalar):
                raise WrongValue("expected a section in the configuration file; the environment cannot hold one")
            return self.instance(hint, source, setting)
        if isinstance(source, yaml.Node) and not isinstance(source, yaml.ScalarNode):
            raise WrongValue(f"expected a single value, found {_shape(source)}")
        scalar = source if isinstance(source, Scalar) else scalar_from_yaml(source, self.place(source))
        return self._plain_value(hint, scalar, setting)

    def _items(self, hint: Any, source: yaml.Node | Scalar, setting: str) -> list[Any]:
        if isinstance(source, Scalar):
            parts = [part.strip() for part in source.text.split(",") if part.strip()]
            return [self._value(hint, Scalar(part, source.kind, source.place), setting) for part in parts]
        if _is_nothing(source):
            return []
        if not isinstance(source, yaml.SequenceNode):
            raise WrongValue(f"expected a list ([...] or lines that begin with -), found {_shape(source)}")
        values = []
        for index, item in enumerate(source.value):
            name = f"{setting}[{index}]" if is_dataclass(hint) else setting
            try:
                values.append(self._value(hint, item, name))
            except WrongValue as error:
                values.append(None)
                self.add_problem(self.place(item), setting, str(error))
        self._read_items[setting] = [index for index, value in enumerate(values) if value is not None]
        return [value for value in values if value is not None]

    def _plain_value(self, hint: Any, scalar: Scalar, setting: str) -> Any:
        value: Any
        if hint is Path:
            value = path_value(scalar, self.base)
        elif hint is bool:
            value = yes_no(scalar)
        elif hint is int:
            value = whole_number(scalar)
        elif hint is float:
            value = number(scalar)
        elif isinstance(hint, type) and issubclass(hint, StrEnum):
            return choice(scalar, hint)
        else:
            value = text_value(scalar)
        check_value(setting, value)
        return value


def unknown_key(known: Iterable[str], key: str) -> str:
    """Return what to say about a key that does not exist."""
    near = difflib.get_close_matches(key, tuple(known), n=1, cutoff=0.5)
    if near:
        return f"unknown key; did you mean {near[0]!r}?"
    return f"unknown key; expected one of {', '.join(known)}"


def _is_nothing(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:null" and node.style is None


def _shape(node: yaml.Node) -> str:
    if isinstance(node, yaml.MappingNode):
        return "a section"
    if isinstance(node, yaml.SequenceNode):
        return "a list"
    return f"the single value {node.value!r}"
