"""Whether the folders of the configuration can be written by this user."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from deploy.configuration.load import Configuration


def unusable_folders(configuration: "Configuration") -> Iterator[tuple[str, str]]:
    """Yield each setting whose folder cannot be written or made, and why."""
    folders = {"data": configuration.locations.data, "spool": configuration.locations.spool}
    folders["model_store"] = configuration.locations.model_store
    if configuration.audit.folder is not None:
        folders["audit.folder"] = configuration.audit.folder
    for setting, folder in folders.items():
        why = _why_unusable(folder)
        if why:
            yield setting, why


def _why_unusable(folder: Path) -> str:
    existing = folder
    while not existing.exists() and existing != existing.parent:
        existing = existing.parent
    if not existing.is_dir():
        return f"{folder} cannot be a folder: {existing} is a file"
    if os.access(existing, os.W_OK | os.X_OK):
        return ""
    what = "cannot be written" if existing == folder else f"cannot be made in {existing}"
    return f"{folder} {what} by user {os.geteuid()}"
