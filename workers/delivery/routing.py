"""Which targets do not get a result, because of their filters."""

from collections.abc import Iterable, Iterator, Mapping

from listener.spool.job_record import JobRecord
from listener.spool.spool import Spool
from workers.delivery.outbox import read_deliveries
from workers.results.result_record import ResultRecord
from workers.targets.target import Target


def withheld(spool: Spool, job: JobRecord, result: ResultRecord, targets: Iterable[Target]) -> Mapping[str, str]:
    """Return the targets whose filter holds a result back, each with the reason.

    A target that got a result which this one replaces gets this one too: otherwise it would keep the outdated one. A
    self-test passes every filter.
    """
    if job.is_self_test:
        return {}
    got_earlier = frozenset(_earlier_recipients(spool, job))
    objections = {one.name: one.filter.objection(result, job.calling_ae_title) for one in targets}
    return {name: why for name, why in objections.items() if why is not None and name not in got_earlier}


def _earlier_recipients(spool: Spool, job: JobRecord) -> Iterator[str]:
    """Yield the targets to which results went that this one replaces."""
    replaced = job.replaces
    while replaced is not None:
        yield from (record.target for record in read_deliveries(spool.ledger, replaced))
        earlier = spool.find_job(replaced)
        replaced = earlier.record.replaces if earlier is not None else None
