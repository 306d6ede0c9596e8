"""The targets of a self-test's results: only those that it was announced for."""

from collections.abc import Iterable

from listener.ledger.self_test_recipients import SELF_TEST_TARGET, SinkAddress
from listener.spool.job_record import JobRecord
from listener.spool.spool import Spool
from workers.targets.target import Target


def targets_for(job: JobRecord, targets: Iterable[Target]) -> tuple[Target, ...]:
    """Return the targets that get the results of a case: all, or those of its self-test."""
    recipients = job.self_test
    if recipients is None:
        return tuple(targets)
    chosen = tuple(target for target in targets if target.name in recipients.targets)
    return chosen if recipients.sink is None else (*chosen, _sink(recipients.sink))


def targets_of_job(spool: Spool, job_id: str, targets: tuple[Target, ...]) -> tuple[Target, ...]:
    """Return the targets that a job of the spool may be delivered to."""
    job = spool.find_job(job_id)
    return targets if job is None else targets_for(job.record, targets)


def _sink(address: SinkAddress) -> Target:
    return Target(SELF_TEST_TARGET, address.ae_title, address.host, address.port, timeout_seconds=10.0)
