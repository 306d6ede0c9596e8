"""Which columns of a job go with which of its states: the ledger refuses every other row."""

from collections.abc import Iterable, Mapping

from sqlalchemy import CheckConstraint

from listener.spool.jobs import FINISHED_STATES, IN_WORK, JobState

WITH_RESULT = (JobState.DELIVERING, *FINISHED_STATES)
ONLY_IN: Mapping[str, tuple[JobState, ...]] = {
    "hold": IN_WORK,
    "failure": (JobState.FAILED, JobState.DROPPED),
    "dropped": (JobState.DROPPED,),
    "outcome": WITH_RESULT,
    "reason": WITH_RESULT,
    "score": WITH_RESULT,
}
"""The states in which a column may hold something: whoever moves a job to another one empties it."""
ALWAYS_IN: Mapping[str, tuple[JobState, ...]] = {
    "readied": (JobState.READY, JobState.RUNNING, JobState.DELIVERING, JobState.DONE),
    "outcome": (JobState.DELIVERING, JobState.DONE),
    "failure": (JobState.FAILED,),
    "dropped": (JobState.DROPPED,),
}
"""The states in which a column does hold something."""
OUTCOMES = ("scored", "not_scored", "unchanged", "lost")
"""The last one: imported from a spool in which the result was missing or damaged."""


def emptied(state: JobState) -> dict[str, None]:
    """Return the columns that a job has left empty when it comes into a state."""
    return {column: None for column, states in ONLY_IN.items() if state not in states}


def state_constraints() -> list[CheckConstraint]:
    """Return the constraints of the table of jobs."""
    return [
        *(
            CheckConstraint(f"{column} IS NULL OR state IN {_listed(states)}", name=f"{column}_only")
            for column, states in ONLY_IN.items()
        ),
        *(
            CheckConstraint(f"{column} IS NOT NULL OR state NOT IN {_listed(states)}", name=f"{column}_always")
            for column, states in ALWAYS_IN.items()
        ),
        CheckConstraint(f"outcome IN {_listed(OUTCOMES)}", name="outcome"),
        CheckConstraint("reason IS NOT NULL OR outcome IS NULL OR outcome <> 'not_scored'", name="reason_always"),
        CheckConstraint("score IS NOT NULL OR outcome IS NULL OR outcome <> 'scored'", name="score_always"),
        CheckConstraint(
            "score IS NULL OR (outcome IS NOT NULL AND outcome IN ('scored', 'unchanged'))", name="score_outcome"
        ),
    ]


def _listed(values: Iterable[str]) -> str:
    return f"({', '.join(repr(str(value)) for value in values)})"
