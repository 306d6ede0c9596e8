"""Who gets the results of a self-test: the targets that it was announced for, and nobody else."""

from collections.abc import Iterable, Mapping
from typing import Any

from listener.spool.self_tests import SELF_TEST_TARGET, SinkAddress, is_self_test
from listener.spool.spool import Spool
from workers.targets.target import Target


def targets_for(content: Mapping[str, Any], targets: Iterable[Target]) -> tuple[Target, ...]:
    """Return which of these targets get the results of a case: all, or those of a self-test."""
    if not is_self_test(content):
        return tuple(targets)
    mark = content["self_test"]
    chosen = tuple(target for target in targets if target.name in mark["targets"])
    return (*chosen, _sink(SinkAddress(**mark["sink"]))) if mark.get("sink") else chosen


def targets_of_job(spool: Spool, job_id: str, targets: tuple[Target, ...]) -> tuple[Target, ...]:
    """Return which targets a job that lies in the spool may be delivered to."""
    for _ in range(2):  # one that moves on meanwhile is read the second time
        job = spool.find_job(job_id)
        content = None if job is None else job.read_intact("job.json")
        if content is not None:
            return targets_for(content, targets)
    return targets


def _sink(address: SinkAddress) -> Target:
    return Target(SELF_TEST_TARGET, address.ae_title, address.host, address.port, timeout_seconds=10.0)
