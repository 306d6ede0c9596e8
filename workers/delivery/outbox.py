"""The outbox: the delivery record of each job and target, in the ledger; one process at a time works on a record."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, delete, select

from listener.ledger.database import Ledger
from listener.ledger.deliveries import ObjectAnswer, deliveries, delivery_objects
from listener.ledger.schema import put
from listener.spool.jobs import Job, JobState
from listener.spool.leases import delivery_lease, require
from listener.spool.locks import exclusive
from listener.spool.record_file import as_json, record_of
from listener.spool.spool import Spool
from workers.delivery.record import CommitmentRequest, DeliveryRecord, StoreResponse, queued
from workers.results.result_roles import ResultRole

SCALARS = ("target", "state", "queued", "updated", "next_try", "wait_seconds", "tries", "looks", "last_error")
"""Fields of a record that are a column of the same name."""
REFERENCE = ("sop_instance_uid", "study_uid", "series_uid", "sop_class_uid", "status")


def queue_delivery(connection: Connection, job_id: str, targets: Mapping[str, tuple[ResultRole, ...]]) -> None:
    """Write a delivery record for each target; ``targets`` gives the roles that each one gets.

    A record of an earlier attempt is kept once something was sent: it states what the target has taken.
    """
    earlier = {record.target: record for record in deliveries_of(connection, job_id)}
    for name, roles in targets.items():
        if name not in earlier or not earlier[name].tries:
            put_delivery(connection, job_id, queued(name, roles, datetime.now(UTC)))


def read_deliveries(ledger: Ledger, job_id: str) -> tuple[DeliveryRecord, ...]:
    """Return the delivery records of a job, by target."""
    with ledger.reading() as connection:
        return deliveries_of(connection, job_id)


def read_delivery(ledger: Ledger, job_id: str, target: str) -> DeliveryRecord | None:
    """Return the delivery record of a job for one target; None where there is none."""
    return next((record for record in read_deliveries(ledger, job_id) if record.target == target), None)


def write_delivery(ledger: Ledger, job_id: str, record: DeliveryRecord) -> None:
    """Replace the delivery record of a job for one target."""
    with ledger.writing() as connection:
        put_delivery(connection, job_id, record)


Settled = Callable[[Connection, Job, DeliveryRecord], None]
"""What a transaction that settles a delivery does in addition."""


@dataclass
class OutboxEntry:
    """The record of one delivery while its lock and its lease are held."""

    ledger: Ledger
    job: Job
    entry: DeliveryRecord
    mine: ColumnElement[bool]
    """What tells its row for as long as the lease is held."""
    settled: Settled

    def write(self, entry: DeliveryRecord) -> None:
        """Replace the record, in the ledger first.

        Raises
        ------
        LeaseLost
            If another machine has taken the delivery over.
        """
        with self.ledger.writing() as connection:
            require(connection, deliveries, self.mine)
            put_delivery(connection, self.job.id, entry)
            if entry.state.is_settled:
                self.settled(connection, self.job, entry)
        self.entry = entry


@contextmanager
def held_outbox(spool: Spool, job_id: str, target_name: str, settled: Settled) -> Iterator[OutboxEntry | None]:
    """Hold the record of a job for one target; None where there is none, or another process or machine holds it."""
    with exclusive(spool.job_folder(job_id), f"deliver-{target_name}.lock") as is_free:
        if not is_free:
            yield None
            return
        with delivery_lease(spool, job_id, target_name) as mine:
            job = spool.find_job(job_id) if mine is not None else None
            is_open = job is not None and job.state is JobState.DELIVERING
            entry = read_delivery(spool.ledger, job_id, target_name) if is_open else None
            if mine is None or job is None or entry is None:
                yield None
            else:
                yield OutboxEntry(spool.ledger, job, entry, mine, settled)


def deliveries_of(connection: Connection, job_id: str) -> tuple[DeliveryRecord, ...]:
    """Return the delivery records of a job, by target, as a part of a transaction."""
    rows = connection.execute(select(deliveries).where(deliveries.c.job_id == job_id).order_by(deliveries.c.target))
    answers = connection.execute(select(delivery_objects).where(delivery_objects.c.job_id == job_id)).mappings().all()
    return tuple(_record(row, [one for one in answers if one["target"] == row["target"]]) for row in rows.mappings())


def _record(row: RowMapping, answers: list[RowMapping]) -> DeliveryRecord:
    def answered(answer: ObjectAnswer) -> dict[ResultRole, StoreResponse]:
        return {
            ResultRole(one["role"]): StoreResponse(*(one[name] for name in REFERENCE))
            for one in answers
            if one["answer"] is answer
        }

    return DeliveryRecord(
        **{name: row[name] for name in SCALARS},
        roles=tuple(map(ResultRole, row["roles"])),
        taken=answered(ObjectAnswer.TAKEN),
        refused=answered(ObjectAnswer.REFUSED),
        committed=frozenset(one["sop_instance_uid"] for one in answers if one["committed"]),
        seen=frozenset(one["sop_instance_uid"] for one in answers if one["seen"]),
        requests=tuple(record_of(CommitmentRequest, one, "commitment request") for one in row["requests"]),
    )


def put_delivery(connection: Connection, job_id: str, record: DeliveryRecord) -> None:
    """Replace the delivery record of a job for one target, as a part of a transaction."""
    row = {
        "job_id": job_id,
        **{name: getattr(record, name) for name in SCALARS},
        "roles": [str(role) for role in record.roles],
        "requests": [as_json(request) for request in record.requests],
    }
    put(connection, deliveries, row)
    objects = delivery_objects.c
    connection.execute(delete(delivery_objects).where(objects.job_id == job_id, objects.target == record.target))
    rows = list(_answers(job_id, record))
    if rows:
        connection.execute(delivery_objects.insert(), rows)


def _answers(job_id: str, record: DeliveryRecord) -> Iterator[dict[str, Any]]:
    for answer, words in ((ObjectAnswer.TAKEN, record.taken), (ObjectAnswer.REFUSED, record.refused)):
        for role, word in words.items():
            yield {
                "job_id": job_id,
                "target": record.target,
                "role": str(role),
                "answer": answer,
                **{name: getattr(word, name) for name in REFERENCE},
                "committed": word.sop_instance_uid in record.committed,
                "seen": word.sop_instance_uid in record.seen,
            }
