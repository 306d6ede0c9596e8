"""The audit trail on disk: files that are only ever appended to, one audit message in syslog form a line.

Any number of processes write to it. Each message is whole and on the disk before `AuditLog.write` returns, so a process
that writes the message first never acts without an audit entry. A file that has grown to its size is left as it is and
the next one begun:
names never change, so a reader's position in them stays valid.
"""

import errno
import os
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from listener.audit.message import AuditMessage
from listener.dicom.sender_character_sets import character_set_of
from listener.settings import AuditSettings
from listener.spool.atomic_files import fsync_folder
from listener.spool.locks import waiting_lock

PRIORITY = 10 * 8 + 5
"""Facility security/authorization, severity normal but significant (PS3.15 section A.6)."""
MESSAGE_ID = "DICOM+RFC3881"
BOM = "\ufeff"
FILE_PATTERN = re.compile(r"audit-([0-9]{6,})\.log")
LOCK_NAME = "audit.lock"
_FLAGS = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
_MODE = 0o640


class NotAudited(OSError):
    """A message could not be written to the audit trail: the audited action must not happen."""


class AuditLog:
    """Appends audit messages. Does nothing without settings, or where they switch the audit off."""

    def __init__(self, settings: AuditSettings | None, failed: Callable[[], None] = lambda: None) -> None:
        """``failed`` is called for each message that could not be written."""
        self._settings = settings if settings is not None and settings.enabled else None
        self._failed = failed

    @property
    def is_on(self) -> bool:
        """Whether anything is written."""
        return self._settings is not None

    def character_set_of(self, sender: str | None) -> str:
        """Return the character set of a sender that declares none; empty where the site configures none."""
        return character_set_of(sender, self._settings.character_sets) if self._settings else ""

    def write(self, message: AuditMessage) -> None:
        """Append a message and wait until it is on the disk.

        Raises
        ------
        NotAudited
            If it cannot be written; the file is as it was before.
        """
        if self._settings is None:
            return
        xml = message.to_xml(self._settings.source_id or socket.gethostname(), self._settings.site_id)
        try:
            with writing(self._settings.folder):
                _append(self._settings.folder, self._settings.max_bytes, syslog_line(xml))
        except OSError as error:
            self._failed()
            raise NotAudited(error.errno or 0, f"the audit trail cannot be written: {error.strerror}") from error


def syslog_line(xml: str, at: datetime | None = None) -> bytes:
    """Return a message in the form of RFC 5424 and PS3.15 section A.6, with a line end for the file."""
    time = (at or datetime.now(UTC)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    host = re.sub(r"[^!-~]", "", socket.gethostname())[:255] or "-"
    return f"<{PRIORITY}>1 {time} {host} radtme {os.getpid()} {MESSAGE_ID} - {BOM}{xml}\n".encode(errors="replace")


def audit_files(folder: Path) -> list[Path]:
    """Return the files of the trail, the oldest first."""
    if not folder.is_dir():
        return []
    return sorted((path for path in folder.iterdir() if FILE_PATTERN.fullmatch(path.name)), key=file_number)


def file_number(path: Path) -> int:
    """Return the number in the name of a file of the trail."""
    found = FILE_PATTERN.fullmatch(path.name)
    return int(found[1]) if found else 0


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Hold the exclusive lock on the folder, among all processes and threads."""
    folder.mkdir(mode=0o750, parents=True, exist_ok=True)
    # Messages are appended and files begun by one writer at a time; two would mix their lines.
    with waiting_lock(folder / LOCK_NAME):
        yield


def _append(folder: Path, max_bytes: int, line: bytes) -> None:
    files = audit_files(folder)
    path = files[-1] if files else _named(folder, 1)
    if files and path.stat().st_size + len(line) > max_bytes:
        path = _named(folder, file_number(path) + 1)
    is_new = not path.exists()
    file = os.open(path, _FLAGS, _MODE)
    try:
        size = os.fstat(file).st_size
        if size and os.pread(file, 1, size - 1) != b"\n":  # a power cut left half a message: the next is whole again
            line = b"\n" + line
        _write_whole(file, size, line)
    finally:
        os.close(file)
    if is_new:
        fsync_folder(folder)


def _write_whole(file: int, size: int, line: bytes) -> None:
    """Write the whole line in one call, or nothing."""
    try:
        written = os.write(file, line)
        if written == len(line):
            os.fdatasync(file)
            return
    except OSError:
        os.ftruncate(file, size)
        raise
    os.ftruncate(file, size)
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _named(folder: Path, number: int) -> Path:
    return folder / f"audit-{number:06d}.log"
