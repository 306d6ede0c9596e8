"""The filter of a target: which results it gets, by what was found and who sent the outline."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from workers.errors import Reason
from workers.results.result_record import ResultRecord
from workers.scoring.case_result import Doubt, Phenotype


class Verdict(StrEnum):
    """What a result states about a case."""

    HOT = Phenotype.HOT.value
    COLD = Phenotype.COLD.value
    UNCERTAIN = Phenotype.UNCERTAIN.value
    NOT_SCORED = "not_scored"


@dataclass(frozen=True)
class ResultFilter:
    """Which results a target gets. An empty list allows everything."""

    verdicts: tuple[Verdict, ...] = ()
    """What the result states."""
    doubts: tuple[Doubt, ...] = ()
    """Of uncertain results: only those with one of these doubts. Other results are not affected."""
    reasons: tuple[Reason, ...] = ()
    """Of cases that were not scored: only those with one of these reasons. Other results are not affected."""
    senders: tuple[str, ...] = ()
    """Calling AE titles that sent the outline. A case whose sender is unknown passes."""

    def objection(self, result: ResultRecord, sender: str | None) -> str | None:
        """Return why the target does not get a result; None if it does."""
        found: Mapping[str, Iterable[str]] = {
            "verdicts": (verdict_of(result),),
            "doubts": result.score.doubts if result.score else (),
            "reasons": (result.rejection.reason,) if result.rejection else (),
            "senders": (sender,) if sender else (),
        }
        for criterion, values in found.items():
            allowed = getattr(self, criterion)
            if allowed and values and not set(allowed) & set(values):
                return f"filter.{criterion} is {', '.join(allowed)}; here {', '.join(values)}"
        return None

    def takes_every(self, verdict: Verdict) -> bool:
        """Return whether the target gets every result with this verdict."""
        refined = {Verdict.UNCERTAIN: self.doubts, Verdict.NOT_SCORED: self.reasons}.get(verdict, ())
        return (not self.verdicts or verdict in self.verdicts) and not refined and not self.senders


EVERY_CASE = ResultFilter()


def verdict_of(result: ResultRecord) -> Verdict:
    """Return what a result states about its case."""
    return Verdict(result.score.phenotype) if result.score else Verdict.NOT_SCORED


def not_taken(filters: Iterable[ResultFilter]) -> Iterator[Verdict]:
    """Yield the verdicts of which some results may pass none of these filters."""
    filters = tuple(filters)
    return (verdict for verdict in Verdict if not any(one.takes_every(verdict) for one in filters))
