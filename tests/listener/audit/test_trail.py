"""The audit trail on disk: whole messages or none, from many processes, in files of a bounded size."""

import multiprocessing
import os
import re
import resource
import signal
import stat
from pathlib import Path

import pytest

from listener.audit.events import audit_log_used
from listener.audit.trail import BOM, AuditLog, NotAudited, audit_files
from listener.settings import AuditSettings

RFC_5424 = re.compile(
    r"<85>1 \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z [!-~]{1,255} radtme \d+ DICOM\+RFC3881 - \ufeff<AuditMessage>.*"
)

FORK = multiprocessing.get_context("fork")


def write_many(folder: Path, name: str, count: int) -> None:
    """Write so many messages, as a process of its own does."""
    log = AuditLog(AuditSettings(folder, max_bytes=20_000))
    for number in range(count):
        log.write(audit_log_used(f"{name}-{number}"))


def write_without_room(folder: Path, room: int) -> None:
    """Write a message that does not fit into a file of ``room`` bytes; exit code 3 where it is refused."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))
    try:
        AuditLog(AuditSettings(folder)).write(audit_log_used("x" * 5000))
    except NotAudited:
        os._exit(3)


def lines(folder: Path) -> list[str]:
    """Return the lines of all files of a trail."""
    return [line for path in audit_files(folder) for line in path.read_bytes().decode().split("\n")[:-1]]


def named(folder: Path) -> list[str]:
    """Return which messages of `audit_log_used` lie there, in order."""
    return [found[1] for line in lines(folder) if (found := re.search(r"file://([\w-]+)", line))]


def test_message_is_one_line_as_syslog_wants_it(tmp_path: Path) -> None:
    """RFC 5424 with the header of PS3.15 section A.6: priority 85, DICOM+RFC3881, and the BOM before the XML."""
    log = AuditLog(AuditSettings(tmp_path / "audit", source_id="here"))
    log.write(audit_log_used("a\nb"))
    (line,) = lines(tmp_path / "audit")
    assert RFC_5424.fullmatch(line)
    assert line.count(BOM) == 1
    assert 'AuditSourceID="here"' in line


def test_files_are_readable_for_owner_and_group_only(tmp_path: Path) -> None:
    """Mode 0640, in a folder that others cannot enter: patients' names stand in it."""
    AuditLog(AuditSettings(tmp_path / "audit")).write(audit_log_used("a"))
    assert stat.S_IMODE((tmp_path / "audit" / "audit-000001.log").stat().st_mode) & ~0o640 == 0
    assert stat.S_IMODE((tmp_path / "audit").stat().st_mode) & ~0o750 == 0


def test_many_processes_write_whole_messages_into_bounded_files(tmp_path: Path) -> None:
    """Four processes at once: every message is there once and whole, and no file is larger than it may be."""
    folder = tmp_path / "audit"
    writers = [FORK.Process(target=write_many, args=(folder, f"w{number}", 60)) for number in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(120)
    assert [writer.exitcode for writer in writers] == [0, 0, 0, 0]
    assert sorted(named(folder)) == sorted(f"w{writer}-{number}" for writer in range(4) for number in range(60))
    assert all(RFC_5424.fullmatch(line) for line in lines(folder))
    files = audit_files(folder)
    assert len(files) > 2
    assert all(path.stat().st_size <= 20_000 for path in files)
    assert [path.name for path in files] == [f"audit-{number:06d}.log" for number in range(1, len(files) + 1)]


def test_full_disk_refuses_the_message_and_leaves_no_part_of_it(tmp_path: Path) -> None:
    """What does not fit is refused and leaves nothing behind, in the middle of a message too; later ones are whole."""
    for number, room in enumerate((1000, 3000)):
        folder = tmp_path / f"audit{number}"
        AuditLog(AuditSettings(folder)).write(audit_log_used("before"))
        writer = FORK.Process(target=write_without_room, args=(folder, room))
        writer.start()
        writer.join(120)
        assert writer.exitcode == 3
        AuditLog(AuditSettings(folder)).write(audit_log_used("after"))
        assert named(folder) == ["before", "after"]
        assert all(RFC_5424.fullmatch(line) for line in lines(folder))


def test_half_a_message_of_a_power_cut_spoils_no_other(tmp_path: Path) -> None:
    """A file that ends in the middle of a line: the next message begins in a line of its own."""
    folder = tmp_path / "audit"
    log = AuditLog(AuditSettings(folder))
    log.write(audit_log_used("first"))
    path = folder / "audit-000001.log"
    with path.open("ab") as file:
        file.write(b"<85>1 2026-01-01T00:00:00.000Z host ra")
    log.write(audit_log_used("second"))
    found = lines(folder)
    assert len(found) == 3
    assert RFC_5424.fullmatch(found[0])
    assert RFC_5424.fullmatch(found[2])


def test_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    """A file has the name of the folder: `NotAudited`, and the failure is counted."""
    (tmp_path / "audit").write_text("")
    failed: list[None] = []
    log = AuditLog(AuditSettings(tmp_path / "audit"), lambda: failed.append(None))
    with pytest.raises(NotAudited, match="the audit trail cannot be written"):
        log.write(audit_log_used("a"))
    assert len(failed) == 1


def test_switched_off_it_writes_nothing(tmp_path: Path) -> None:
    """``enabled: false`` leaves no trace."""
    AuditLog(AuditSettings(tmp_path / "audit", enabled=False)).write(audit_log_used("a"))
    AuditLog(None).write(audit_log_used("a"))
    assert not (tmp_path / "audit").exists()


def test_killed_writers_leave_whole_messages(tmp_path: Path) -> None:
    """SIGKILL at any moment: the lock is released, and no message is truncated."""
    folder = tmp_path / "audit"
    for _ in range(3):
        writer = FORK.Process(target=write_many, args=(folder, "w", 100_000))
        writer.start()
        seen = len(lines(folder))
        while len(lines(folder)) < seen + 20:
            assert writer.is_alive()
        writer.kill()
        writer.join()
    AuditLog(AuditSettings(folder)).write(audit_log_used("last"))
    assert named(folder)[-1] == "last"
    assert all(RFC_5424.fullmatch(line) for line in lines(folder))
