"""Generated studies that `radtme selftest` sends through the running service, and who gets their results.

A study is a self-test because a row of our own says so, written before its first object is sent. Nothing that a
peer can put into an object makes it one: no patient's case is kept from its targets because it looks like a test. The
row stays when the case is removed, so that what another system sends back of it is known again.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Column, Table, select

from listener.ledger.database import Ledger
from listener.ledger.schema import METADATA, UID, VALUES, UtcDateTime, put
from listener.ledger.self_test_recipients import SelfTestRecipients, SinkAddress


@dataclass(frozen=True)
class SelfTest:
    """One announced study."""

    study_uid: str
    seg_sop_instance_uid: str
    """Of its only outline."""
    targets: tuple[str, ...]
    """Names of the targets that receive its results; no other target does."""
    sink: SinkAddress | None
    announced: datetime


self_tests = Table(
    "self_tests",
    METADATA,
    Column("study_uid", UID, primary_key=True),
    Column("seg_sop_instance_uid", UID, nullable=False),
    Column("targets", VALUES, nullable=False),
    Column("sink", VALUES),
    Column("announced", UtcDateTime, nullable=False),
)


def announce_self_test(ledger: Ledger, test: SelfTest) -> None:
    """Write down that this study is a self-test. Nothing of it may be sent before this returned."""
    with ledger.writing() as connection:
        put(connection, self_tests, {**asdict(test), "targets": list(test.targets)})


def announced_self_tests(ledger: Ledger) -> tuple[SelfTest, ...]:
    """Return every announcement, the oldest first."""
    with ledger.reading() as connection:
        rows = connection.execute(select(self_tests).order_by(self_tests.c.announced)).mappings()
        return tuple(map(_self_test, rows))


def self_test_of(ledger: Ledger, study_uid: str) -> SelfTestRecipients | None:
    """Return who alone gets the results of a study that is a self-test; None where it is none."""
    with ledger.reading() as connection:
        row = connection.execute(select(self_tests).where(self_tests.c.study_uid == study_uid)).mappings().one_or_none()
    if row is None:
        return None
    test = _self_test(row)
    return SelfTestRecipients(test.targets, test.sink)


def _self_test(row: Mapping[Any, Any]) -> SelfTest:
    sink = SinkAddress(**row["sink"]) if row["sink"] else None
    return SelfTest(row["study_uid"], row["seg_sop_instance_uid"], tuple(row["targets"]), sink, row["announced"])
