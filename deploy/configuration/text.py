"""The effective configuration as text: a YAML file that can be used as it is, each line with its origin."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import fields, is_dataclass
from enum import Enum
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from deploy.configuration.settings import AUDIT_SKIP, LISTENER_SKIP, WORKERS_SKIP, Configuration
from deploy.configuration.target_checks import settings_of_other_kind
from workers.results.result_roles import ResultRole

MASK = "***"


def masked_url(url: str) -> str:
    """Return a URL with its password replaced by stars."""
    parts = urlsplit(url)
    if parts.password is None:
        return url
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{parts.username or ''}:{MASK}@{host}"))


def configuration_lines(configuration: Configuration) -> Iterator[tuple[str, str]]:
    """Yield the lines of the effective configuration as YAML, each with where its value comes from."""
    origins = configuration.origins

    def line(indent: int, setting: str, value: object) -> tuple[str, str]:
        key = setting.rpartition(".")[2]
        return f"{'  ' * indent}{key}: {yaml_value(value)}", origins.get(setting, "default")

    for field in fields(configuration.locations):
        yield line(0, field.name, getattr(configuration.locations, field.name))
    yield "redis:", ""
    for field in fields(configuration.redis):
        value = getattr(configuration.redis, field.name)
        if field.name == "embedded" or value is not None:
            yield line(1, f"redis.{field.name}", masked_url(value) if field.name == "url" else value)
    yield "ledger:", ""
    for field in fields(configuration.ledger):
        value = getattr(configuration.ledger, field.name)
        yield line(1, f"ledger.{field.name}", masked_url(value) if field.name == "url" and value else value)
    sections: tuple[tuple[str, Any, frozenset[str]], ...] = (
        ("listener", configuration.listener, LISTENER_SKIP),
        ("workers", configuration.workers, WORKERS_SKIP),
        ("sink", configuration.sink, frozenset()),
        ("audit", configuration.audit, AUDIT_SKIP),
        ("status_page", configuration.status_page, frozenset()),
        ("retention", configuration.retention, frozenset()),
        ("webhook", configuration.webhook, frozenset()),
    )
    for name, section, skip in sections:
        yield f"{name}:", ""
        for field in fields(section):
            if field.name not in skip:
                yield line(1, f"{name}.{field.name}", getattr(section, field.name))
    yield f"targets:{'' if configuration.workers.targets else ' []'}", origins.get("targets", "default")
    for target in configuration.workers.targets:
        yield f"  - {yaml_value(target, hide=settings_of_other_kind(target.kind))}", ""


def yaml_value(value: object, hide: Sequence[str] = ()) -> str:
    """Return a value in YAML's flow notation, which JSON is nearly a part of; without the fields to ``hide``."""
    if is_dataclass(value) and not isinstance(value, type):
        names = [field.name for field in fields(value) if field.name not in hide]
        return f"{{{', '.join(f'{name}: {yaml_value(getattr(value, name))}' for name in names)}}}"
    if isinstance(value, frozenset):
        return yaml_value(tuple(role for role in ResultRole if role in value))
    if isinstance(value, tuple):
        return f"[{', '.join(yaml_value(item) for item in value)}]"
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, float):
        return f"{value:g}" if value == float(f"{value:g}") else repr(value)
    if isinstance(value, Path):
        return json.dumps(str(value), ensure_ascii=False)
    return json.dumps(value, ensure_ascii=False)
