"""What dead processes left below ``receiving``: objects that were acknowledged get their names in ``studies`` again."""

import os
import shutil
import time
from pathlib import Path

from listener.dicom.data_set import UnreadableDataSet, read_identity_from
from listener.dicom.part10 import PREAMBLE_BYTES, data_set_of
from listener.runtime.logger import Logger
from listener.scp.whole_files import SUFFIX, is_whole
from listener.spool.locks import LOCK_NAME, exclusive
from listener.spool.spool import Kept, Spool

log = Logger(__name__)

YOUNG_SECONDS = 60.0
"""A folder without a lock and younger than this may just be in the making."""


def clear_receiving(spool: Spool) -> int:
    """Link whole objects into ``studies`` and remove the rest; return how many folders of dead processes there were.

    A folder whose lock is held belongs to an association of a living listener. What is not whole was never
    acknowledged. What is whole may have been: the power cut that took its other name came after that.

    Raises
    ------
    OSError
        If an object cannot be linked.
    """
    cleared = 0
    for entry in os.scandir(spool.receiving):
        folder = Path(entry.path)
        if entry.is_dir(follow_symlinks=False) and not _is_in_the_making(folder):
            with exclusive(folder) as free:
                if free:
                    _clear(spool, folder)
                    cleared += 1
    return cleared


def _is_in_the_making(folder: Path) -> bool:
    if (folder / LOCK_NAME).exists() or any(folder.glob(f"*{SUFFIX}")):  # a power cut may take the lock's name alone
        return False
    return time.time() - folder.stat().st_mtime <= YOUNG_SECONDS


def _clear(spool: Spool, folder: Path) -> None:
    for path in folder.glob(f"*{SUFFIX}"):
        _recover(spool, path)
    shutil.rmtree(folder, ignore_errors=True)


def _recover(spool: Spool, path: Path) -> None:
    if not is_whole(path):
        log.warning("torn_object_removed", received_bytes=path.stat().st_size)
        return
    with open(path, "rb") as file:
        os.fsync(file.fileno())  # after a kill the bytes may still be in memory alone
        offset, syntax = data_set_of(file.read(4096), PREAMBLE_BYTES + 4)
    try:
        identity = read_identity_from(path, offset, syntax)
    except UnreadableDataSet as error:
        log.error("left_over_unreadable", reason=str(error))
        return
    kept = spool.keep(path, identity.study_uid, identity.series_uid, identity.sop_instance_uid)
    if kept is Kept.NEW:
        log.warning("object_recovered", sop_instance_uid=identity.sop_instance_uid)
