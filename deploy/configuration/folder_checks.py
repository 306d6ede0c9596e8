"""Whether the folders of the configuration can be written by this user."""

import errno
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from deploy.configuration.settings import Configuration

PROBE_PREFIX = ".radtme-probe-"
PROBE_BYTES = 4096
"""One block: on a full disk an empty folder can often still be made."""


def written_folders(configuration: "Configuration") -> Mapping[str, Path]:
    """Return each folder that the service writes, by its setting."""
    folders = {"data": configuration.locations.data, "spool": configuration.locations.spool}
    folders["model_store"] = configuration.locations.model_store
    if configuration.audit.folder is not None:
        folders["audit.folder"] = configuration.audit.folder
    return folders


def unusable_folders(configuration: "Configuration") -> Iterator[tuple[str, str]]:
    """Yield each setting whose folder cannot be written or made, and why.

    A small folder is made in it, or in the nearest parent that exists, and removed again: access rights alone say
    nothing about read-only file systems, full disks, or root.
    """
    for setting, _folder, why in _outermost(configuration, why_unusable):
        yield setting, why


def folders_of_other_bytes(configuration: "Configuration") -> Iterator[tuple[str, Path]]:
    """Yield each setting whose folder has a path that is not UTF-8, and the folder."""
    for setting, folder, _ in _outermost(configuration, lambda folder: "" if is_utf8(folder) else "other bytes"):
        yield setting, folder


def _outermost(configuration: "Configuration", fault: Callable[[Path], str]) -> Iterator[tuple[str, Path, str]]:
    """Yield each setting whose folder has a fault, the folder and the fault; not what lies below such a folder."""
    found: list[Path] = []
    for setting, folder in written_folders(configuration).items():
        if any(folder.is_relative_to(parent) for parent in found):
            continue  # the same fault
        if why := fault(folder):
            found.append(folder)
            yield setting, folder, why


def is_utf8(path: Path) -> bool:
    """Tell whether a path can be written as UTF-8: the ledger's URL and libraries in C take no other bytes."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return False
    return True


def nearest_existing(path: Path) -> Path:
    """Return ``path``, or the nearest of its parents that exists."""
    while not os.path.lexists(path) and path != path.parent:
        path = path.parent
    return path


def why_unusable(folder: Path) -> str:
    """Return why a folder cannot be written or made; empty where it can."""
    existing = nearest_existing(folder)
    if not existing.is_dir():
        what = "a link to nothing" if existing.is_symlink() and not existing.exists() else "a file"
        return f"{folder} cannot be a folder: {existing} is {what}"
    try:
        with tempfile.TemporaryDirectory(prefix=PROBE_PREFIX, dir=existing) as probe:
            (Path(probe) / "probe").write_bytes(bytes(PROBE_BYTES))
    except OSError as error:
        what = "cannot be written" if existing == folder else f"cannot be made in {existing}"
        return f"{folder} {what} by user {os.geteuid()}: {_reason(error)}"
    return ""


def _reason(error: OSError) -> str:
    if error.errno == errno.ENOENT:  # such as /proc, where the kernel alone makes folders
        return "its file system takes no new folders"
    return (error.strerror or type(error).__name__).lower()
