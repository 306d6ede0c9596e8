"""The modules in C++, which are compiled at installation."""

import hashlib
from pathlib import Path


def compiled_from(folder: Path) -> str:
    """Return what a module states that was compiled from the sources in a folder."""
    digest = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()
