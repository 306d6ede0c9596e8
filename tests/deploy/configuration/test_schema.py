"""The JSON Schema for editors accepts and refuses the same files as the service."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from click.testing import CliRunner
from pydantic import TypeAdapter

from deploy.cli import radtme
from deploy.configuration.load import ConfigurationError, load_configuration
from deploy.configuration.schema import configuration_schema
from deploy.configuration.study import Document

ROOT = Path(__file__).parents[3]
PUBLISHED = ROOT / "deploy" / "radtme.schema.json"
GOOD = [
    "",
    "data: /srv/radtme",
    "targets: []",
    "listener:",
    "listener: {port: 0, calling_ae_titles: [MR1], deadline_policy: close, settle_seconds: 0}",
    "listener: {peers: [{ae_title: MR1, addresses: [10.0.0.0/8]}]}",
    "listener: {tls: null, retrieve_from: {ae_title: PACS, host: 10.0.0.5, port: 104}}",
    "listener: {deadline_seconds: 6h, settle_seconds: 1.5 min, min_free_bytes: 2GiB, max_object_bytes: 500 MB}",
    "retention: {studies_days: 90d, done_days: null, failed_days: 12}",
    "workers: {soft_time_limit_seconds: 200.5, concurrency: 4}",
    "workers: {criteria_as_notes: [body_part, acquisition]}",
    "workers: {report: {language: de, hot: inflamed, cold: desert, first_series_number: 500}}",
    "targets: [{name: pacs, ae_title: PACS, host: 10.0.0.5, port: 104, results: [segmentation, summary_report]}]",
    "redis: {url: 'redis://redis:6379/0'}",
    "sink: {enabled: true}",
    "audit: {enabled: false}",
]
BAD = [
    "no_such_key: 1",
    "listener: {no_such_key: 1}",
    "listener: {port: 70000}",
    "listener: {port: '104'}",
    "listener: {port: 1.5}",
    "listener: {ae_title: 12}",
    "listener: {ae_title: true}",
    "listener: {calling_ae_titles: MR1}",
    "listener: {deadline_policy: never}",
    "listener: {settle_seconds: -1}",
    "listener: {idle_timeout_seconds: 0}",
    "listener: {deadline_seconds: 6 hours}",
    "listener: {deadline_seconds: soon}",
    "listener: {deadline_seconds: -6h}",
    "listener: {deadline_seconds: 2GiB}",
    "listener: {min_free_bytes: 2h}",
    "listener: {min_free_bytes: 2gib}",
    "listener: {port: 104s}",
    "retention: {studies_days: 90 weeks}",
    "listener: [1]",
    "workers: {segment_rules: [{role: tumour, segment_number: -1}]}",
    "audit: {max_bytes: 0}",
    "listener: {peers: [{addresses: [10.0.0.0/8]}]}",
    "workers: {concurrency: 0}",
    "workers: {criteria_as_notes: [everything]}",
    "workers: {report: {language: xx}}",
    "workers: {report: {hot: ''}}",
    "workers: {report: {first_series_number: 0}}",
    "workers: {institution_name: null}",
    "targets: {name: pacs}",
    "targets: [{name: pacs, ae_title: PACS, host: 10.0.0.5}]",
    "targets: [{name: pacs, ae_title: PACS, host: 10.0.0.5, port: 0}]",
    "targets: [{name: pacs, ae_title: PACS, host: 10.0.0.5, port: 104, results: [everything]}]",
    "sink: {enabled: 1}",
]


def validator() -> jsonschema.Draft202012Validator:
    """Return what an editor judges with."""
    return jsonschema.Draft202012Validator(json.loads(PUBLISHED.read_text()))


def is_read(tmp_path: Path, text: str) -> bool:
    """Return whether the service reads the file."""
    file = tmp_path / "radtme.yaml"
    file.write_text(text)
    try:
        load_configuration(file, {})
    except ConfigurationError:
        return False
    return True


@pytest.mark.parametrize(("text", "good"), [*((text, True) for text in GOOD), *((text, False) for text in BAD)])
def test_schema_and_service_judge_alike(tmp_path: Path, text: str, good: bool) -> None:
    """The schema and the service refuse the same values."""
    assert is_read(tmp_path, text) is good
    assert validator().is_valid(yaml.safe_load(text) or {}) is good


def test_the_published_schema_is_current_and_a_schema() -> None:
    """It is made from the settings, and `radtme config schema` prints it."""
    jsonschema.Draft202012Validator.check_schema(configuration_schema())
    ran = CliRunner().invoke(radtme, ["config", "schema"])
    assert ran.exit_code == 0
    assert ran.output == PUBLISHED.read_text()


def test_the_example_and_what_config_show_prints_satisfy_it() -> None:
    """Both are given to people to start from; the example names the schema for their editor."""
    example = ROOT / "deploy" / "radtme.example.yaml"
    validator().validate(yaml.safe_load(example.read_text()))
    named = example.read_text().splitlines()[0].partition("$schema=")[2]
    assert (example.parent / named) == PUBLISHED
    shown = CliRunner().invoke(radtme, ["config", "show", str(example)])
    assert shown.exit_code == 0
    validator().validate(yaml.safe_load(shown.output))


def test_every_setting_that_is_no_plain_name_is_explained() -> None:
    """An editor shows something when the pointer rests on a section."""
    schema = configuration_schema()
    assert {"ListenerSettings", "Target", "ServerTls"} <= schema["$defs"].keys()
    assert [name for name, section in schema["$defs"].items() if not section.get("description")] == []
    assert schema["$defs"]["ListenerSettings"]["properties"]["settle_seconds"]["description"].startswith(
        "A case is complete"
    )


def unbounded(schema: Any, way: tuple[str, ...] = ()) -> Iterator[str]:
    """Yield where a number of a schema has no lower bound."""
    if isinstance(schema, dict):
        kinds = schema["type"] if isinstance(schema.get("type"), list) else [schema.get("type")]
        if {"integer", "number"}.intersection(kinds) and schema.keys().isdisjoint({"minimum", "exclusiveMinimum"}):
            yield "/".join(way)
        for key, inner in schema.items():
            yield from unbounded(inner, (*way, str(key)))
    elif isinstance(schema, list):
        for number, inner in enumerate(schema):
            yield from unbounded(inner, (*way, str(number)))


def endless(schema: Any, way: tuple[str, ...] = ()) -> Iterator[str]:
    """Yield the times of a schema without an upper bound: settings named by a unit of time."""
    if isinstance(schema, dict):
        for key, inner in schema.items():
            if key.endswith(("_seconds", "_hours", "_days")) and "maximum" not in json.dumps(inner).lower():
                yield "/".join((*way, key))
            yield from endless(inner, (*way, str(key)))
    elif isinstance(schema, list):
        for number, inner in enumerate(schema):
            yield from endless(inner, (*way, str(number)))


def test_every_time_has_an_end() -> None:
    """What the system's calls for waiting cannot count is refused where it is written, not by a part that stops."""
    assert list(endless({"properties": {"give_up_hours": {"minimum": 1}}})) == ["properties/give_up_hours"]
    assert list(endless(configuration_schema())) == []
    assert list(endless(TypeAdapter(Document).json_schema())) == []


def test_every_number_has_a_bound() -> None:
    """No setting of an installation or a study may be negative: a typing error is refused with its line."""
    assert list(unbounded({"properties": {"seconds": {"type": "number"}}})) == ["properties/seconds"]
    assert list(unbounded(configuration_schema())) == []
    assert list(unbounded(TypeAdapter(Document).json_schema())) == []
