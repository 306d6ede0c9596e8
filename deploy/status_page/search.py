"""The search of the status page: what a person has entered, the cases that fit, and where the next page begins."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from deploy.operations.case_filter import CaseFilter
from deploy.operations.job_status import JobStatus
from deploy.terminal import time_or_ago
from listener.spool.jobs import JobState

FIELDS = ("case", "state", "reason", "target", "since", "lowest", "highest")
BEFORE = "before"
"""Where a page begins: the time and the id of the last case of the page before."""
SEPARATOR = "~"
CASES_A_PAGE = 50


class NotUnderstood(ValueError):
    """A field of the search holds something else than it should; the message says what is expected."""


@dataclass(frozen=True)
class CaseSearch:
    """What a person has entered."""

    entered: Mapping[str, str]
    """By field; empty where nothing was."""
    wanted: CaseFilter
    before: tuple[datetime, str] | None = None

    @classmethod
    def of(cls, query: Mapping[str, Sequence[str]]) -> "CaseSearch":
        """Return the search of a request.

        Raises
        ------
        NotUnderstood
            If a field cannot be understood.
        """
        entered = {name: query.get(name, [""])[-1].strip() for name in FIELDS}
        scores = [entered["lowest"], entered["highest"]]
        wanted = CaseFilter(
            since=_time(entered["since"]) if entered["since"] else None,
            states=(_state(entered["state"]),) if entered["state"] else (),
            reason=entered["reason"] or None,
            target=entered["target"] or None,
            score=(_score(scores[0] or "0"), _score(scores[1] or "1")) if any(scores) else None,
            case=entered["case"] or None,
        )
        return cls(entered, wanted, _before(query.get(BEFORE, [""])[-1]))

    def older(self, last: JobStatus | None, changed: datetime | None) -> str:
        """Return the query of the page after the one that ends with this case; empty where there is none."""
        if last is None or changed is None:
            return ""
        named = {name: value for name, value in self.entered.items() if value}
        return urlencode({**named, BEFORE: f"{changed.isoformat()}{SEPARATOR}{last.job_id}"})


def _time(text: str) -> datetime:
    try:
        return time_or_ago(text)
    except ValueError as error:
        raise NotUnderstood(f"since: expected a time such as 2026-11-25 or 12h (ago), found {text[:40]!r}") from error


def _state(text: str) -> JobState:
    try:
        return JobState(text)
    except ValueError as error:
        raise NotUnderstood(f"state: expected one of {', '.join(JobState)}, found {text[:40]!r}") from error


def _score(text: str) -> float:
    try:
        score = float(text)
    except ValueError as error:
        raise NotUnderstood(f"score: expected a number from 0 to 1, found {text[:40]!r}") from error
    if not 0 <= score <= 1:
        raise NotUnderstood(f"score: expected a number from 0 to 1, found {text[:40]!r}")
    return score


def _before(text: str) -> tuple[datetime, str] | None:
    moment, _, job_id = text.partition(SEPARATOR)
    try:
        return (datetime.fromisoformat(moment), job_id) if text else None
    except ValueError as error:
        raise NotUnderstood("the link to older cases is not complete: search again") from error
