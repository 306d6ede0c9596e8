"""Generated studies that `radtme selftest` sends through the running service, and who gets their results.

A study is a self-test because a file on our own disk says so, written before its first object is sent. Nothing that a
peer can put into an object makes it one: no patient's case is kept from its targets because it looks like a test. The
file stays when the case is removed, so that what another system sends back of it is known again.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from listener.dicom.uids import InvalidUid, checked_uid
from listener.spool.atomic_files import make_folder, read_json, write_json
from listener.spool.locks import exclusive
from listener.spool.spool import Spool

SELF_TEST_TARGET = "selftest"
"""What the built-in sink is called in outboxes, logs and metrics; no target of a configuration may be called so."""
LOCK_NAME = "lock"


@dataclass(frozen=True)
class SinkAddress:
    """Where the command that runs the self-test takes its results itself."""

    ae_title: str
    host: str
    port: int


@dataclass(frozen=True)
class SelfTest:
    """One announced study."""

    study_uid: str
    seg_sop_instance_uid: str
    """Of its only outline."""
    targets: tuple[str, ...]
    """Names of the targets that get its results; nobody else gets them."""
    sink: SinkAddress | None
    announced: str
    """UTC, ISO 8601."""

    @classmethod
    def of_json(cls, content: dict[str, Any]) -> Self:
        """Read what lies in the file.

        Raises
        ------
        KeyError, TypeError
            If it is no announcement.
        """
        sink = content["sink"]
        return cls(
            **{**content, "targets": tuple(content["targets"]), "sink": None if sink is None else SinkAddress(**sink)}
        )


def self_tests_folder(spool: Spool) -> Path:
    """Return where the announcements lie."""
    return spool.root / "selftests"


def announce_self_test(spool: Spool, test: SelfTest) -> None:
    """Write down that this study is a self-test. Nothing of it may be sent before this returned."""
    make_folder(self_tests_folder(spool))
    write_json(self_tests_folder(spool) / f"{checked_uid(test.study_uid)}.json", asdict(test))


def announced_self_tests(spool: Spool) -> Iterator[SelfTest]:
    """Yield every announcement that can be read."""
    for path in sorted(self_tests_folder(spool).glob("*.json")):
        try:
            yield SelfTest.of_json(read_json(path))
        except (OSError, ValueError, KeyError, TypeError):
            continue


def self_test_mark(spool: Spool, study_uid: str) -> dict[str, Any]:
    """Return what the ``job.json`` of a study says about it being a self-test; nothing where it is none.

    An announcement that cannot be read still is one: then nobody gets the results.
    """
    try:
        path = self_tests_folder(spool) / f"{checked_uid(study_uid)}.json"
        test = SelfTest.of_json(read_json(path))
    except (FileNotFoundError, InvalidUid):
        return {}
    except (OSError, ValueError, KeyError, TypeError):
        return {"self_test": {"targets": [], "sink": None}}
    return {"self_test": {"targets": list(test.targets), "sink": asdict(test.sink) if test.sink else None}}


@contextmanager
def only_self_test(spool: Spool) -> Iterator[bool]:
    """Hold the spool for one self-test; yields False where another one runs."""
    make_folder(self_tests_folder(spool))
    with exclusive(self_tests_folder(spool), LOCK_NAME) as mine:
        yield mine


def is_self_test(content: Mapping[str, Any]) -> bool:
    """Tell whether the case of this ``job.json`` is nobody's."""
    return content.get("self_test") is not None
