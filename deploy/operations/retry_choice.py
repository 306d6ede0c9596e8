"""Which jobs `radtme retry` tries again where none is named."""

from dataclasses import dataclass

from deploy.operations.status import read_jobs
from listener.ledger.deliveries import DeliveryState
from listener.spool.jobs import Job, JobState
from listener.spool.spool import Spool
from workers.scoring.case_result import ResultOutcome

UNSENT_STATES = (JobState.DELIVERING, JobState.FAILED)


@dataclass(frozen=True)
class Choice:
    """What the jobs have in common; what is empty does not matter."""

    failed: bool = False
    target: str | None = None
    """That does not have their results yet."""
    reason: str | None = None
    """Why they failed or were not scored."""

    @property
    def is_empty(self) -> bool:
        """Whether nothing was chosen."""
        return not self.failed and self.target is None and self.reason is None


def chosen_jobs(spool: Spool, choice: Choice) -> list[Job]:
    """Return the jobs that fit. Of a case that was not scored, its latest version only; none that a person holds."""
    replaced = {job.replaces for job in read_jobs(spool)}
    found = []
    for job in read_jobs(spool):
        unsent = {one.target for one in job.deliveries if one.state is not DeliveryState.DELIVERED}
        over = job.state is JobState.FAILED or (job.state is JobState.DONE and job.outcome is ResultOutcome.NOT_SCORED)
        if (
            not job.held
            and job.job_id not in replaced
            and (not choice.failed or job.state is JobState.FAILED)
            and (choice.target is None or (job.state in UNSENT_STATES and choice.target in unsent))
            and (choice.reason is None or (over and job.reason == choice.reason))
        ):
            found.append(spool.find_job(job.job_id))
    return [job for job in found if job is not None]
