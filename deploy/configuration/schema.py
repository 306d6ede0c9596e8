"""The JSON Schema of the configuration file, for editors: pydantic makes it from the same dataclasses that it reads."""

from collections.abc import Iterator
from typing import Any

from pydantic import ConfigDict, TypeAdapter
from pydantic.json_schema import GenerateJsonSchema

from deploy.configuration.settings import COMPUTED, Document
from deploy.configuration.target_checks import DIMSE_SETTINGS, settings_of_other_kind
from deploy.configuration.units import pattern_with_unit
from workers.targets.target import TargetKind

NUMBER_KEYS = ("type", "exclusiveMinimum", "minimum", "maximum")


class _Generator(GenerateJsonSchema):
    def field_title_should_be_set(self, schema: Any) -> bool:
        """Leave out the titles that would only repeat the names of the settings."""
        return False


def configuration_schema() -> dict[str, Any]:
    """Return the schema of ``radtme.yaml``."""
    # A dataclass ignores the configuration of its adapter, but takes that of the model around it.
    configured = TypeAdapter(tuple[Document], config=ConfigDict(extra="forbid", use_attribute_docstrings=True))
    definitions = configured.json_schema(schema_generator=_Generator)["$defs"]
    root = definitions.pop(Document.__name__)
    for name in root.pop("required"):  # no section has to be there
        section = definitions[root["properties"][name]["$ref"].rpartition("/")[2]]
        section.pop("required", None)  # what has no default of its own gets one from another setting
        for computed in COMPUTED.get(name, ()):
            del section["properties"][computed]
        root["properties"][name] = {"anyOf": [root["properties"][name], {"type": "null"}]}
    definitions["Target"] |= _by_kind()
    root = {"$schema": GenerateJsonSchema.schema_dialect, **root, "title": "radtme.yaml", "$defs": definitions}
    for section in definitions.values():
        for name, setting in section.get("properties", {}).items():
            _accept_units(name, setting)
    for array in _arrays(root):
        array["type"] = ["array", "null"]
        if array.get("uniqueItems"):
            array["default"].sort()  # a set has no order: the same text each time
    return root


def _accept_units(name: str, setting: dict[str, Any]) -> None:
    """Let a setting in seconds, days or bytes also be a text with a unit. Its bounds hold for plain numbers only."""
    pattern = pattern_with_unit(name)
    if pattern is None:
        return
    choices = setting.pop("anyOf", None) or [{key: setting.pop(key) for key in NUMBER_KEYS if key in setting}]
    setting["anyOf"] = [*choices, {"type": "string", "pattern": pattern}]


def _arrays(schema: Any) -> Iterator[dict[str, Any]]:
    if isinstance(schema, dict):
        if schema.get("type") == "array":
            yield schema
        schema = list(schema.values())
    if isinstance(schema, list):
        for inner in schema:
            yield from _arrays(inner)


def _by_kind() -> dict[str, Any]:
    """Return what each kind of target needs, and may not have."""
    return {
        "if": {
            "properties": {"kind": {"enum": [TargetKind.DICOMWEB.value, TargetKind.FHIR.value]}},
            "required": ["kind"],
        },
        "then": {"required": ["url"], "properties": dict.fromkeys(settings_of_other_kind(TargetKind.DICOMWEB), False)},
        "else": {
            "required": list(DIMSE_SETTINGS),
            "properties": dict.fromkeys(settings_of_other_kind(TargetKind.DIMSE), False),
        },
    }
