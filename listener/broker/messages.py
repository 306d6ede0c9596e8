"""The messages that notify the workers of ready jobs and deliveries: task names, queues and ids."""

from dataclasses import dataclass
from enum import StrEnum

SCORE_TASK = "workers.tasks.score"
DELIVER_TASK = "workers.tasks.deliver"
"""The names of the Celery tasks on the wire. Not module paths: messages of earlier versions carry them."""
PROBE_KEY = "compute.probe"
"""Written to see whether Redis takes messages: a full one, and a replica, still answer. Gone after a millisecond."""
PROBE_MILLISECONDS = 1
TIMEOUT_SECONDS = 2.0
"""Time limit for connecting to Redis and for each answer."""


class Queue(StrEnum):
    """The queues that the workers consume."""

    COMPUTE = "compute"
    DELIVERY = "delivery"


@dataclass(frozen=True)
class Announcement:
    """One message: a task's name and ids."""

    task: str
    args: tuple[str, ...]
    queue: Queue


def score_announcement(job_id: str) -> Announcement:
    """Return the message that a job can be scored."""
    return Announcement(SCORE_TASK, (job_id,), Queue.COMPUTE)


def delivery_announcement(job_id: str, target: str) -> Announcement:
    """Return the message that results can be delivered."""
    return Announcement(DELIVER_TASK, (job_id, target), Queue.DELIVERY)
