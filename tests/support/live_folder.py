"""Looking into a folder in which processes make and remove files and folders."""

import os
from fnmatch import fnmatch
from pathlib import Path


def found_below(folder: Path, pattern: str = "*") -> list[Path]:
    """Return the files and folders below, by their names; `Path.rglob` fails where a folder goes while it looks."""
    return [
        Path(place, name)
        for place, folders, files in os.walk(folder)
        for name in (*folders, *files)
        if fnmatch(name, pattern)
    ]
