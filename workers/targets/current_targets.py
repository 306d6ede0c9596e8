"""The targets as they are now: the main process replaces them while it runs, its pool processes follow."""

import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict
from enum import Enum
from pathlib import Path
from typing import Any

from listener.settings import ClientTls
from listener.spool.atomic_files import read_json, write_json
from workers.results.result_classes import Fallback, ResultRole
from workers.targets.target import Proof, Target, TargetKind

Stamp = tuple[int, int]


class CurrentTargets:
    """Each process has a copy. A file beside the metrics carries what the main process put; it holds no secret.

    Pool processes take over exactly what was put, never what the configuration file has become since.
    """

    def __init__(self, file: Path, targets: Iterable[Target]) -> None:
        self._file = file
        self._targets = tuple(targets)
        self._seen: Stamp | None = None

    def get(self) -> tuple[Target, ...]:
        """Return the targets, those that were put last by whichever process."""
        with suppress(FileNotFoundError):  # nothing was put, or the main process has ended
            stamp = _stamp(self._file)
            if stamp != self._seen:
                self._targets = tuple(map(from_json, read_json(self._file)["targets"]))
                self._seen = stamp
        return self._targets

    def put(self, targets: Iterable[Target]) -> None:
        """Replace the targets, for all processes."""
        write_json(self._file, {"targets": [to_json(target) for target in targets]})


def _stamp(file: Path) -> Stamp:
    found = os.stat(file)
    return found.st_ino, found.st_mtime_ns


def to_json(target: Target) -> dict[str, Any]:
    """Return a target as JSON knows it."""
    plain: dict[str, Any] = _plain(asdict(target))
    return plain


def from_json(value: Mapping[str, Any]) -> Target:
    """Return the target that `to_json` was given."""
    tls = value["tls"]
    return Target(
        **{
            **value,
            "results": frozenset(map(ResultRole, value["results"])),
            "fallback": Fallback(value["fallback"]),
            "proof": Proof(value["proof"]),
            "kind": TargetKind(value["kind"]),
            "tls": None
            if tls is None
            else ClientTls(**{**tls, **_paths(tls, "ca", "certificate", "key", "key_password_file")}),
            **_paths(value, "token_file", "password_file"),
        }
    )


def _paths(value: Mapping[str, Any], *names: str) -> dict[str, Path | None]:
    return {name: None if value[name] is None else Path(value[name]) for name in names}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, frozenset):
        return sorted(map(_plain, value))
    if isinstance(value, Enum):
        return value.value
    return str(value) if isinstance(value, Path) else value
