"""The filter of a target: which results pass."""

from dataclasses import replace

import pytest

from support.records import result_record
from workers.errors import Reason
from workers.results.result_record import ResultRecord, ScoreRecord
from workers.scoring.case_result import Doubt, Phenotype, Rejection, ResultOutcome
from workers.targets.result_filter import ResultFilter, Verdict, not_taken

SENDER = "MR1"


def scored(phenotype: Phenotype, *doubts: Doubt) -> ResultRecord:
    """Return the result of a scored case."""
    return replace(
        result_record("0123456789abcdef-v1"), score=ScoreRecord(0.7, 0.5, phenotype, doubts=doubts), rejection=None
    )


def refused(reason: Reason) -> ResultRecord:
    """Return the result of a case that was not scored."""
    rejection = Rejection(reason, "a message")
    return replace(
        result_record("0123456789abcdef-v1"), outcome=ResultOutcome.NOT_SCORED, score=None, rejection=rejection
    )


HOT, COLD = scored(Phenotype.HOT), scored(Phenotype.COLD)
BY_OUTLINE = scored(Phenotype.UNCERTAIN, Doubt.OUTLINE)
BY_CALIBRATION = scored(Phenotype.UNCERTAIN, Doubt.CALIBRATION)
BY_BOTH = scored(Phenotype.UNCERTAIN, Doubt.OUTLINE, Doubt.CALIBRATION)
INCOMPLETE, WRONG_PHASE = refused(Reason.MISSING_INSTANCES), refused(Reason.OTHER_PHASE)
ALL = (HOT, COLD, BY_OUTLINE, BY_CALIBRATION, BY_BOTH, INCOMPLETE, WRONG_PHASE)


@pytest.mark.parametrize(
    ("one", "passing"),
    [
        (ResultFilter(), ALL),
        (ResultFilter(verdicts=(Verdict.HOT, Verdict.UNCERTAIN)), (HOT, BY_OUTLINE, BY_CALIBRATION, BY_BOTH)),
        (ResultFilter(verdicts=(Verdict.NOT_SCORED,)), (INCOMPLETE, WRONG_PHASE)),
        (ResultFilter(doubts=(Doubt.OUTLINE,)), (HOT, COLD, BY_OUTLINE, BY_BOTH, INCOMPLETE, WRONG_PHASE)),
        (ResultFilter((Verdict.UNCERTAIN,), (Doubt.CALIBRATION,)), (BY_CALIBRATION, BY_BOTH)),
        (ResultFilter(reasons=(Reason.OTHER_PHASE,)), (HOT, COLD, BY_OUTLINE, BY_CALIBRATION, BY_BOTH, WRONG_PHASE)),
        (ResultFilter(senders=(SENDER, "MR2")), ALL),
        (ResultFilter(senders=("MR2",)), ()),
        (ResultFilter((Verdict.HOT,), senders=("MR2",)), ()),
    ],
)
def test_a_result_passes_where_it_meets_each_criterion(one: ResultFilter, passing: tuple[ResultRecord, ...]) -> None:
    """Doubts concern uncertain results only, reasons only cases that were not scored."""
    assert tuple(result for result in ALL if one.objection(result, SENDER) is None) == passing


def test_a_case_of_an_unknown_sender_passes() -> None:
    """Nothing is held back for want of knowledge."""
    assert ResultFilter(senders=("MR2",)).objection(HOT, None) is None


def test_the_objection_names_the_criterion_and_what_was_found() -> None:
    """An operator sees at once which setting to change."""
    only_hot = ResultFilter(verdicts=(Verdict.HOT, Verdict.UNCERTAIN))
    assert only_hot.objection(INCOMPLETE, SENDER) == "filter.verdicts is hot, uncertain; here not_scored"


@pytest.mark.parametrize(
    ("filters", "lost"),
    [
        ((ResultFilter(),), ()),
        ((ResultFilter((Verdict.HOT,)), ResultFilter((Verdict.COLD, Verdict.UNCERTAIN))), (Verdict.NOT_SCORED,)),
        ((ResultFilter(senders=("MR1",)),), tuple(Verdict)),
        ((ResultFilter(doubts=(Doubt.OUTLINE,)), ResultFilter((Verdict.HOT,))), (Verdict.UNCERTAIN,)),
    ],
)
def test_verdicts_of_which_a_result_may_go_nowhere_are_known(
    filters: tuple[ResultFilter, ...], lost: tuple[Verdict, ...]
) -> None:
    """A verdict is safe if one target takes every result with it."""
    assert tuple(not_taken(filters)) == lost
