"""Clearing away what dead listeners left below ``receiving``."""

import os
import shutil
import time
from pathlib import Path

from listener.spool import exclusive


def clear_receiving(receiving: Path) -> int:
    """Remove what dead processes left below ``receiving``; return how many folders.

    A folder whose lock is held belongs to an association of a living listener. Nothing in these folders was ever
    acknowledged.
    """
    cleared = 0
    for entry in os.scandir(receiving):
        folder = Path(entry.path)
        if entry.is_dir(follow_symlinks=False) and _is_left_over(folder):
            shutil.rmtree(folder, ignore_errors=True)
            cleared += 1
    return cleared


def _is_left_over(folder: Path) -> bool:
    if not (folder / "lock").exists():
        return time.time() - folder.stat().st_mtime > 60.0  # another listener may just be making it
    with exclusive(folder) as free:
        return free
