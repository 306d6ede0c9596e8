"""How long what kind of data is kept."""

from dataclasses import dataclass


@dataclass(frozen=True)
class RetentionSettings:
    """What `radtme retention --apply` may remove, in days; left empty: nothing of that kind. Nothing else removes it.

    A study goes together with its jobs, when each of them and its own last object are old enough.
    """

    studies_days: int | None = 30
    """Since the last object of the study came."""
    done_days: int | None = 30
    """Since a job whose results were delivered was done."""
    dropped_days: int | None = 90
    """Since a person dropped the job."""
    failed_days: int | None = 90
    """Since a job failed that has no result. One with a result that a target refused is kept."""
    quarantine_days: int | None = 30
    """Since an object was refused that is kept for a person to look at."""
