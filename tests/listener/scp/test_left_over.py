"""Removing what dead processes left."""

import os
import subprocess
import sys
import time

from listener.scp.left_over import clear_receiving
from listener.spool.locks import exclusive
from listener.spool.spool import Spool


def test_only_folders_of_dead_processes_are_cleared(spool: Spool) -> None:
    """A lock that is held belongs to a living association; one whose holder was killed is free, and its folder goes."""
    living, dead = spool.receiving / "living", spool.receiving / "dead"
    for folder in (living, dead):
        folder.mkdir()
        (folder / "1.part").write_bytes(b"half")
    program = (
        "import fcntl, sys, os; fcntl.flock(os.open(sys.argv[1], os.O_RDWR | os.O_CREAT), fcntl.LOCK_EX); os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", program, str(dead / "lock")], check=False)
    with exclusive(living) as mine:
        assert mine
        assert clear_receiving(spool) == 1
    assert living.is_dir()
    assert not dead.exists()


def test_a_folder_that_is_just_being_made_is_left_alone(spool: Spool) -> None:
    """Another listener may not have locked it yet; after a minute it counts as abandoned."""
    folder = spool.receiving / "new"
    folder.mkdir()
    assert clear_receiving(spool) == 0
    os.utime(folder, (time.time() - 120, time.time() - 120))
    assert clear_receiving(spool) == 1
