"""Layout 2 to 3: what layout 2 kept in small files becomes rows of the ledger. The files stay as they are.

Each row is put under the same key again where an earlier run was interrupted.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy.exc import IntegrityError

from listener.dicom.commitment_report import CommitmentReport
from listener.ledger.commitments import AwaitedReport, keep_report, note_request
from listener.ledger.refused_contexts import RefusedContext, note_refused
from listener.ledger.self_tests import SelfTest, announce_self_test
from listener.ledger.set_aside_outlines import SetAsideOutline, note_set_aside
from listener.ledger.target_circuits import Circuit, change_circuit
from listener.spool.atomic_files import read_json
from listener.spool.record_file import record_of
from listener.spool.spool import Spool


def import_files(spool: Spool) -> list[Path]:
    """Put the small files of layout 2 into the ledger; return those that cannot be read."""
    unreadable = []
    for path, put in _files(spool):
        try:
            put(read_json(path))
        except (ValueError, KeyError, TypeError, AttributeError):
            unreadable.append(path)
    return unreadable


def _files(spool: Spool) -> Iterator[tuple[Path, Callable[[dict[str, Any]], object]]]:
    """Yield each file with what puts its content into the ledger; a request before the report on it."""
    for pattern, put in (
        ("targets/*.json", _circuit),
        ("selftests/*.json", _self_test),
        ("studies/*/*/*.aside.json", _set_aside),
        ("refused_contexts/*.json", _refused),
        ("commitments/requests/*.json", _request),
        ("commitments/reports/*.json", _report),
    ):
        for path in sorted(spool.root.glob(pattern)):
            yield path, partial(put, spool, path)


def _circuit(spool: Spool, path: Path, content: dict[str, Any]) -> None:
    circuit = record_of(Circuit, content, path.name)
    change_circuit(spool.ledger, path.stem, lambda _: circuit)


def _self_test(spool: Spool, path: Path, content: dict[str, Any]) -> None:
    announce_self_test(spool.ledger, record_of(SelfTest, content, path.name))


def _set_aside(spool: Spool, path: Path, content: dict[str, Any]) -> None:
    note_set_aside(spool.ledger, record_of(SetAsideOutline, content, path.name))


def _refused(spool: Spool, path: Path, content: dict[str, Any]) -> None:
    last = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    note_refused(spool.ledger, record_of(RefusedContext, content, path.name), last)


def _request(spool: Spool, path: Path, content: dict[str, Any]) -> None:
    awaited = record_of(AwaitedReport, {**content, "transaction_uid": path.stem}, path.name)
    with suppress(IntegrityError):  # its delivery is gone: nobody waits for the report any more
        note_request(spool.ledger, awaited)


def _report(spool: Spool, path: Path, content: dict[str, Any]) -> None:
    failed = {uid: int(reason, 16) for uid, reason in content["failed"].items()}
    report = CommitmentReport(path.stem, tuple(content["committed"]), failed)
    keep_report(spool.ledger, report, str(content.get("from", "")))
