"""Reads YAML and the environment into plain data, with the origin of each value; `values` converts them to settings.

The dataclasses are the schema: their fields are the keys, their annotations the types, their defaults the defaults.
Every problem is collected, so that one run shows all of them.
"""

import math
import re
import types
import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any

import yaml

from deploy.configuration.environment import Environment, environment_variable
from deploy.configuration.units import in_unit_of

WHOLE_NUMBER_PATTERN = re.compile(r"-?(0|[1-9][0-9]{0,99})")
NUMBER_PATTERN = re.compile(r"[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?")
RENAMED_SETTINGS = {"listener.ring_again_seconds": "listener.reannounce_seconds"}
"""Former names, which are read with a warning, and the names that replaced them."""
YES_NO = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}

Location = tuple[str | int, ...]
"""Keys and list indices, from the root of the file to a value."""


@dataclass(frozen=True)
class Problem:
    """One problem in a configuration."""

    origin: str
    """File and line, or the environment variable."""
    setting: str
    message: str

    def order(self) -> tuple[str, int]:
        """Return a sort key: by file, then by line."""
        file, _, line = self.origin.rpartition(":")
        return (file, int(line)) if line.isdigit() else (self.origin, 0)

    def __str__(self) -> str:
        return ": ".join(part for part in (self.origin, self.setting, self.message) if part)


@dataclass(frozen=True)
class GivenValue:
    """One value as it was written."""

    origin: str
    """File and line, or the environment variable."""
    annotation: Any
    """Of its field, or of the items of a list; without ``None``."""
    value: Any
    found: str
    """The value as an error message repeats it."""


def setting_name(location: Location) -> str:
    """Return the name of a setting, such as ``targets[0].tls.ca``."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location).removeprefix(".")


def plain_type(annotation: Any) -> Any:
    """Return an annotation without the bounds that `typing.Annotated` adds."""
    return typing.get_args(annotation)[0] if typing.get_origin(annotation) is typing.Annotated else annotation


def is_list(annotation: Any) -> bool:
    """Whether the file has a list for a field."""
    return typing.get_origin(annotation) in (tuple, frozenset)


class ConfigurationReader:
    """Reads one configuration, and collects its problems and the origin of each value."""

    def __init__(
        self,
        file: Path | None,
        base: Path,
        environment: Mapping[str, str],
        computed: Mapping[str, frozenset[str]] = types.MappingProxyType({}),
    ) -> None:
        self.file_name = str(file) if file else ""
        self.base = base
        self.environment = Environment(environment)
        self.computed = computed
        """By section, the fields that a file cannot set."""
        self.problems: list[Problem] = []
        self.warnings: list[str] = []
        """Settings that work but should be changed."""
        self.given: dict[Location, GivenValue] = {}
        self.origins: dict[str, str] = {}
        """Where each setting that is not a default was given."""
        self.unusable: set[Location] = set()
        """Sections below those of the root in which a key is wrong."""
        self.kept_items: dict[str, list[int]] = {}
        """Of each list with items that cannot be used, the numbers of the others."""

    def numbered_as_in_file(self, setting: str) -> str:
        """Return a list item's setting with its number in the file, given its number among the valid items."""
        name, _, rest = setting.partition("[")
        index, bracket, tail = rest.partition("]")
        numbers = self.kept_items.get(name, [])
        if not bracket or int(index) >= len(numbers):  # no item, or one that does not come from the file
            return setting
        return f"{name}[{numbers[int(index)]}]{tail}"

    def add_problem(self, origin: str, setting: str, message: str) -> None:
        """Add a problem."""
        self.problems.append(Problem(origin, setting, message))

    def section(self, node: yaml.Node | None, schema: type, location: Location = ()) -> Any:
        """Return the values of file and environment for the dataclass ``schema``, as plain data."""
        names = [one.name for one in fields(schema) if one.name not in self.computed.get(setting_name(location), ())]
        entries = self._entries(node, location, names)
        annotations = typing.get_type_hints(schema, include_extras=True)
        data = {}
        for name in names:
            annotation, may_be_empty = _without_none(annotations[name])
            inner = (*location, name)
            if text := self._environment_text(inner, annotation):
                data[name] = self._from_environment(text, annotation, inner)
            elif name in entries:
                data[name] = self._value(entries[name], annotation, inner, may_be_empty=may_be_empty)
            elif not location and is_dataclass(annotation) and isinstance(annotation, type) and not may_be_empty:
                data[name] = self.section(None, annotation, inner)  # the environment may still fill it
        return data

    def _entries(self, node: yaml.Node | None, location: Location, known: Iterable[str]) -> dict[str, yaml.Node]:
        if node is None or _is_empty(node):
            return {}
        if not isinstance(node, yaml.MappingNode):
            message = f"expected a section of keys and values, found {_described(node)}"
            self.add_problem(self._origin(node), setting_name(location), message)
            return {}
        known = tuple(known)
        found: dict[str, yaml.Node] = {}
        given = {key_node.value for key_node, _ in node.value if isinstance(key_node, yaml.ScalarNode)}
        for key_node, value_node in node.value:
            key = str(key_node.value) if isinstance(key_node, yaml.ScalarNode) else ""
            former = setting_name((*location, key))
            if current := RENAMED_SETTINGS.get(former):
                self.warnings.append(f"{self._origin(key_node)}: {former} is now called {current}; rename it")
                key = current.rpartition(".")[2]
            if key in known and key not in found:
                found[key] = value_node
                continue
            message = (
                "is given twice; keep one of them"
                if key in known
                else unknown_key([one for one in known if one not in given], key)
            )
            self.add_problem(self._origin(key_node), setting_name((*location, key)), message)
            if location[1:]:
                self.unusable.add(location)
        return found

    def _value(self, node: yaml.Node, annotation: Any, location: Location, *, may_be_empty: bool = False) -> Any:
        value: Any
        if _is_empty(node) and may_be_empty:
            value = None
        elif (short := _short_form(annotation)) and isinstance(node, yaml.ScalarNode) and not _is_empty(node):
            value = {short: self._value(node, typing.get_type_hints(annotation)[short], (*location, short))}
        elif is_dataclass(annotation) and isinstance(annotation, type) and (not location[1:] or _is_section(node)):
            value = self.section(node, annotation, location)
        elif is_list(annotation) and (isinstance(node, yaml.SequenceNode) or _is_empty(node)):
            inner = typing.get_args(annotation)[0]
            items = [] if _is_empty(node) else node.value
            value = [self._value(item, inner, (*location, index)) for index, item in enumerate(items)]
        else:
            value = _in_its_unit(_scalar(node), annotation, location)
        self._remember(location, GivenValue(self._origin(node), annotation, value, _described(node)))
        return value

    def _remember(self, location: Location, given: GivenValue) -> None:
        self.given[location] = given
        if isinstance(location[-1], str) and (location[1:] or not is_dataclass(given.annotation)):
            self.origins[setting_name(location)] = given.origin

    def _origin(self, node: yaml.Node) -> str:
        return f"{self.file_name}:{node.start_mark.line + 1}"

    def _environment_text(self, location: Location, annotation: Any) -> str | None:
        """Return the value of an environment variable for a setting at the root or in a section of the root."""
        inner = typing.get_args(annotation)[0] if is_list(annotation) else annotation
        if len(location) > 2 or (len(location) == 1 and is_dataclass(inner)):
            return None
        setting = setting_name(location)
        return self.environment.text_of(setting, (old for old, now in RENAMED_SETTINGS.items() if now == setting))

    def _from_environment(self, text: str, annotation: Any, location: Location) -> Any:
        value: Any
        origin = f"environment {environment_variable(setting_name(location))}"
        if is_list(annotation):
            inner = typing.get_args(annotation)[0]
            parts = [part.strip() for part in text.split(",") if part.strip()]
            value = [_typed(part, inner) for part in parts]
            for index, part in enumerate(parts):
                self.given[*location, index] = GivenValue(origin, inner, value[index], repr(part))
        else:
            value = _in_its_unit(_typed(text, annotation), annotation, location)
        self._remember(location, GivenValue(origin, annotation, value, repr(text)))
        return value


def _in_its_unit(value: Any, annotation: Any, location: Location) -> Any:
    """Return a number that was written with a unit as a plain one, in the unit of its setting."""
    if not isinstance(value, str) or plain_type(annotation) not in (int, float):
        return value
    number = in_unit_of(str(location[-1]), value)
    return value if number is None else number


MIN_ABBREVIATION = 3
"""Letters; fewer fit too many names."""


def unknown_key(known: Iterable[str], key: str) -> str:
    """Return the message for a key that does not exist."""
    from difflib import get_close_matches  # only here: it takes a while to import

    names = tuple(known)
    near = get_close_matches(key, names, n=1, cutoff=0.7) or [name for name in names if _abbreviates(key, name)]
    if near:
        return f"unknown key; did you mean {near[0]!r}?"
    return f"unknown key; expected one of {', '.join(names)}"


def _abbreviates(key: str, name: str) -> bool:
    """Tell whether a name begins like a key and has all of its letters in their order, as ``ae_title`` and ``aet``."""
    letters = iter(name)
    return len(key) >= MIN_ABBREVIATION and key[0] == name[0] and all(letter in letters for letter in key)


def _short_form(annotation: Any) -> str:
    """Return the field that a section with one plain value means; empty where its class names none (``SHORT_FORM``)."""
    return getattr(annotation, "SHORT_FORM", "") if isinstance(annotation, type) else ""


def _without_none(annotation: Any) -> tuple[Any, bool]:
    if typing.get_origin(annotation) not in (types.UnionType, typing.Union):
        return annotation, False
    return next(one for one in typing.get_args(annotation) if one is not type(None)), True


def _is_empty(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:null" and node.style is None


def _is_section(node: yaml.Node) -> bool:
    return isinstance(node, yaml.MappingNode) or _is_empty(node)


def _described(node: yaml.Node) -> str:
    if not isinstance(node, yaml.ScalarNode):
        return "a section" if isinstance(node, yaml.MappingNode) else "a list"
    value = _scalar(node)
    return "nothing" if value is None else repr(value) if isinstance(value, str) else str(node.value)


def _scalar(node: yaml.Node) -> Any:
    """Return the value of a node; numbers in other than plain decimal notation stay text."""
    if not isinstance(node, yaml.ScalarNode):
        return {} if isinstance(node, yaml.MappingNode) else []  # of the wrong shape, whatever is in it
    if node.style is not None:
        return node.value
    if node.tag == "tag:yaml.org,2002:null":
        return None
    return YES_NO[node.value.lower()] if node.tag == "tag:yaml.org,2002:bool" else _number(node.value)


def _typed(text: str, annotation: Any) -> str | int | float | bool:
    """Return the text of an environment variable as the expected type."""
    expected = plain_type(annotation)
    if expected is bool:
        return YES_NO.get(text.lower(), text)
    return _number(text) if expected in (int, float) else text


def _number(text: str) -> str | int | float:
    if WHOLE_NUMBER_PATTERN.fullmatch(text):
        return int(text)
    if NUMBER_PATTERN.fullmatch(text) and math.isfinite(float(text)):
        return float(text)
    return text
