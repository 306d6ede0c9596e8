"""What the file system that holds the spool promises."""

from functools import cache
from pathlib import Path

import psutil

SYNC_NAMES = frozenset({"ext4", "xfs", "btrfs"})
"""File systems on which fsync of a file also keeps its name, and the folder that was made for it.

POSIX promises only the content. On these three, `tests/faults/test_power_loss.py` cuts the power to find out, and
xfstests generic/322 asks for it. Elsewhere (NFS, overlay, f2fs, unknown ones) the folder is synced as well.
"""


@cache
def fsync_keeps_name(folder: Path) -> bool:
    """Tell whether fsync of a new or renamed file in ``folder`` also makes its name survive a power cut."""
    real = folder.resolve()
    mounts = [one for one in psutil.disk_partitions(all=True) if real.is_relative_to(one.mountpoint)]
    # Of two mounts on the same folder, the later one is seen.
    return bool(mounts) and max(reversed(mounts), key=lambda one: len(one.mountpoint)).fstype in SYNC_NAMES
