"""Detects and audits a configuration or program version that differs from the last run."""

import hashlib
import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from importlib.metadata import version
from typing import Any

from deploy.configuration.load import PART_VARIABLE
from deploy.configuration.settings import Configuration
from deploy.configuration.text import configuration_lines
from deploy.errors import CommandError
from deploy.terminal import path_from_here
from listener.audit.events import audit_recording, configuration_changed, software_changed
from listener.audit.trail import AuditLog, writing
from listener.settings import AuditSettings
from listener.spool.atomic_files import read_json, write_json


def audited_start(configuration: Configuration, command: str) -> None:
    """Audit changes of the configuration, unless ``command`` is a part of a stack that has done so.

    Raises
    ------
    CommandError
        If the audit trail cannot be written: then nothing is started.
    """
    if PART_VARIABLE in os.environ:
        return
    try:
        audit_configuration_changes(configuration, command)
    except OSError as error:
        raise cannot_audit(configuration, error) from error


def cannot_audit(configuration: Configuration, error: OSError) -> CommandError:
    """Return the error for an audit trail that cannot be written."""
    where = path_from_here(configuration.audit.folder)
    cause = error.__cause__ if isinstance(error.__cause__, OSError) else error
    return CommandError(
        f"the audit trail in {where} cannot be written: {cause.strerror or cause}",
        "nothing runs unaudited: make room, set its permissions, or place it elsewhere with data: or audit.folder:",
    )


FIRST = "first seen with this audit trail"


def audit_configuration_changes(configuration: Configuration, command: str) -> None:
    """Audit changes since ``command`` was last started, or last read its configuration, on this machine.

    Secrets are not part of the configuration that is shown, so they are not compared here either, not even as a hash.

    Raises
    ------
    NotAudited
        If the audit trail cannot be written.
    OSError
        If the current state cannot be stored.
    """
    settings = configuration.audit
    path = settings.folder / f"configuration-{socket.gethostname()}-{command}.json"
    before: Mapping[str, Any] = {}
    with suppress(OSError, ValueError):
        before = read_json(path)
    now = {"settings": _settings(configuration), "version": version("radtme"), "audited": settings.enabled}
    if before == now:
        return
    _write(settings, configuration, command, before, now)
    with writing(settings.folder):
        write_json(path, now)


def _write(
    settings: AuditSettings, configuration: Configuration, command: str, before: Mapping[str, Any], now: dict[str, Any]
) -> None:
    # The last message is that the audit was switched off.
    audit = AuditLog(_switched_on(settings) if before.get("audited") else settings)
    if before.get("audited") != settings.enabled:
        audit.write(audit_recording(command, started=settings.enabled))
    if before.get("settings") != now["settings"]:
        changes = list(_changes(before.get("settings"), now["settings"]))
        digest = hashlib.sha256("\n".join(f"{k}: {v}" for k, v in now["settings"].items()).encode()).hexdigest()
        audit.write(configuration_changed(command, configuration.origin, [*changes, f"SHA-256 {digest}"]))
    if before.get("version") != now["version"]:
        audit.write(
            software_changed(command, "radtme", [f"version {before.get('version', FIRST)} -> {now['version']}"])
        )


def target_changes(before: Configuration, now: Configuration) -> list[str]:
    """Return the changes of the targets, as the audit trail states them."""
    return list(_changes(_targets(before), _targets(now)))


def _targets(configuration: Configuration) -> dict[str, str]:
    return {name: value for name, value in _settings(configuration).items() if name.startswith("targets[")}


def _switched_on(settings: AuditSettings) -> AuditSettings:
    return replace(settings, enabled=True)


def _settings(configuration: Configuration) -> dict[str, str]:
    """Return the effective configuration without secrets, by the name of the setting."""
    found: dict[str, str] = {}
    section = ""
    for line, _ in configuration_lines(configuration):
        indent = len(line) - len(line.lstrip())
        if line.lstrip().startswith("- "):
            found[f"{section}[{sum(name.startswith(section + '[') for name in found)}]"] = line.strip()[2:]
            continue
        key, _, value = line.strip().partition(":")
        section = key if indent == 0 else section
        if value.strip():
            found[key if indent == 0 else f"{section}.{key}"] = value.strip()
    return found


def _changes(before: Mapping[str, str] | None, now: Mapping[str, str]) -> Iterator[str]:
    if before is None:
        yield FIRST
        return
    for name in sorted(before.keys() | now.keys()):
        old, new = before.get(name, "absent"), now.get(name, "absent")
        if old != new:
            yield f"{name}: {old} -> {new}"
