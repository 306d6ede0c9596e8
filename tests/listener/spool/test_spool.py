"""The spool: paths, first copies, states."""

import os
import threading
from pathlib import Path

import pytest

from listener.dicom.uids import InvalidUid, checked_uid
from listener.ledger.quarantine import QuarantineReason, read_quarantined
from listener.spool.atomic_files import read_json, write_json
from listener.spool.jobs import JobState, job_id_for
from listener.spool.spool import Kept, Spool
from support.records import facts_of, job_record

STUDY, SERIES, INSTANCE = "1.2.826.0.1", "1.2.826.0.1.1", "1.2.826.0.1.1.7"


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    """Return an empty spool."""
    spool = Spool(tmp_path / "spool")
    spool.prepare()
    return spool


def part(spool: Spool, content: bytes, name: str = "a") -> Path:
    """Return a file as the receiver leaves it before it is kept."""
    path = spool.receiving / f"{name}.part"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("uid", ["1.2.3", "2.25.123456789012345678901234567890", "1.2." + "9" * 60, "0.0"])
def test_uids_of_the_standards_form_pass(uid: str) -> None:
    """PS3.5 section 9.1: dotted numbers, at most 64 characters."""
    assert checked_uid(uid) == uid


@pytest.mark.parametrize(
    "uid",
    [
        "",
        "1",
        "1.2.",
        ".1.2",
        "1..2",
        "../../etc/passwd",
        "1.2/../3",
        "1.2.x",
        "1.2\x00",
        "1." + "2" * 63,
        "1.2\n",
    ],
)
def test_anything_else_never_becomes_a_path(uid: str) -> None:
    """A UID comes from the wire: what is not one is refused before it is joined to a folder."""
    with pytest.raises(InvalidUid):
        checked_uid(uid)


def test_the_first_copy_of_an_instance_stays(spool: Spool) -> None:
    """Same bytes: dropped. Other bytes under the same UID: left for quarantine, the first one untouched."""
    assert spool.keep(part(spool, b"one"), STUDY, SERIES, INSTANCE) is Kept.NEW
    assert spool.keep(part(spool, b"one"), STUDY, SERIES, INSTANCE) is Kept.DUPLICATE
    second = part(spool, b"two")
    assert spool.keep(second, STUDY, SERIES, INSTANCE) is Kept.CONFLICT
    assert second.read_bytes() == b"two"
    assert spool.instance_path(STUDY, SERIES, INSTANCE).read_bytes() == b"one"
    assert spool.instances(STUDY, SERIES) == {INSTANCE}


def test_copies_that_arrive_at_once_leave_one(spool: Spool) -> None:
    """Two associations may bring the same instance in the same moment."""
    outcomes: list[Kept] = []
    barrier = threading.Barrier(8)

    def bring(number: int) -> None:
        path = part(spool, b"%d" % number, str(number))
        barrier.wait()
        outcomes.append(spool.keep(path, STUDY, SERIES, INSTANCE))

    threads = [threading.Thread(target=bring, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == sorted([Kept.NEW] + [Kept.CONFLICT] * 7)


def test_a_job_lies_in_one_state_and_is_created_once(spool: Spool) -> None:
    """One SEG and version is one job, whatever its state when the SEG comes again."""
    job_id = job_id_for(INSTANCE, 1)
    job = spool.create_job(job_record(job_id))
    assert job is not None
    for state in (JobState.READY, JobState.RUNNING, JobState.DELIVERING, JobState.DONE):
        moved = spool.move(job, state, **facts_of(state))
        assert moved is not None
        job = moved
        assert spool.create_job(job_record(job_id)) is None
        assert [(one.id, one.state) for one in spool.jobs()] == [(job_id, state)]
    assert job.record == job_record(job_id)


def test_a_job_that_another_process_moved_is_not_moved_again(spool: Spool) -> None:
    """Of two callers that move it from the same state, one succeeds and the other is told."""
    job_id = job_id_for(INSTANCE, 1)
    job = spool.create_job(job_record(job_id))
    assert job is not None
    assert spool.move(job, JobState.READY) is not None
    assert spool.move(job, JobState.READY) is None


def test_job_ids_are_derived_from_the_outline_and_the_version() -> None:
    """The same input gives the same job on every machine and every day."""
    assert job_id_for("1.2.3", 1) == job_id_for("1.2.3", 1)
    assert len({job_id_for("1.2.3", 1), job_id_for("1.2.3", 2), job_id_for("1.2.4", 1)}) == 3


@pytest.mark.parametrize("job_id", ["../../x", "abc", "0123456789abcdef", "0123456789ABCDEF-v1", ""])
def test_a_job_id_from_outside_never_becomes_a_path(spool: Spool, job_id: str) -> None:
    """Ids come in messages and on the command line."""
    with pytest.raises(ValueError, match="job id"):
        spool.find_job(job_id)


def test_a_file_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    """A value that cannot be written leaves the old file, and no temporary file."""
    path = tmp_path / "value.json"
    write_json(path, {"a": 1})
    with pytest.raises(ValueError, match="Out of range"):
        write_json(path, {"a": float("nan")})
    assert read_json(path) == {"a": 1}
    assert os.listdir(tmp_path) == ["value.json"]


def test_the_ledger_says_why_an_object_is_in_quarantine(spool: Spool) -> None:
    """The object is a file, its reason a row."""
    why = QuarantineReason(reason="conflict", message="other bytes")
    path = spool.put_in_quarantine(part(spool, b"x"), INSTANCE, why)
    assert path.read_bytes() == b"x"
    [found] = read_quarantined(spool.ledger)
    assert (found.name, found.bytes, found.reason.reason) == (path.stem, 1, "conflict")
    assert list(spool.quarantine.iterdir()) == [path]
