"""Generated studies that `radtme selftest` sends through the running service, and who gets their results.

A study is a self-test because a file on our own disk says so, written before its first object is sent. Nothing that a
peer can put into an object makes it one: no patient's case is kept from its targets because it looks like a test. The
file stays when the case is removed, so that what another system sends back of it is known again.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from listener.dicom.uids import InvalidUid, checked_uid
from listener.spool.atomic_files import make_folder
from listener.spool.job_record import SelfTestRecipients, SinkAddress
from listener.spool.locks import exclusive
from listener.spool.record_file import UnreadableRecord, UtcTime, read_record, write_record
from listener.spool.spool import Spool

SELF_TEST_TARGET = "selftest"
"""What the built-in sink is called in outboxes, logs and metrics; no target of a configuration may be called so."""
LOCK_NAME = "lock"


@dataclass(frozen=True)
class SelfTest:
    """One announced study."""

    study_uid: str
    seg_sop_instance_uid: str
    """Of its only outline."""
    targets: tuple[str, ...]
    """Names of the targets that receive its results; no other target does."""
    sink: SinkAddress | None
    announced: UtcTime


def self_tests_folder(spool: Spool) -> Path:
    """Return where the announcements lie."""
    return spool.root / "selftests"


def announce_self_test(spool: Spool, test: SelfTest) -> None:
    """Write down that this study is a self-test. Nothing of it may be sent before this returned."""
    make_folder(self_tests_folder(spool))
    write_record(self_tests_folder(spool) / f"{checked_uid(test.study_uid)}.json", test)


def announced_self_tests(spool: Spool) -> Iterator[SelfTest]:
    """Yield every announcement that can be read."""
    for path in sorted(self_tests_folder(spool).glob("*.json")):
        try:
            yield read_record(SelfTest, path)
        except (OSError, UnreadableRecord):
            continue


def self_test_of(spool: Spool, study_uid: str) -> SelfTestRecipients | None:
    """Return who alone gets the results of a study that is a self-test; None where it is none.

    An unreadable announcement still counts as one; no target then receives the results.
    """
    try:
        test = read_record(SelfTest, self_tests_folder(spool) / f"{checked_uid(study_uid)}.json")
    except (FileNotFoundError, InvalidUid):
        return None
    except (OSError, UnreadableRecord):
        return SelfTestRecipients()
    return SelfTestRecipients(test.targets, test.sink)


@contextmanager
def only_self_test(spool: Spool) -> Iterator[bool]:
    """Hold the spool for one self-test; yields False where another one runs."""
    make_folder(self_tests_folder(spool))
    with exclusive(self_tests_folder(spool), LOCK_NAME) as mine:
        yield mine
