"""Texts on the certainty of a verdict, shared by report, key image and status."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence

from workers.scoring.case_result import Doubt, NotRedrawn, Score, Stability, shown_score
from workers.texts.wording import ENGLISH, Wording

TENTHS = 10
DOUBTS = {
    Doubt.OUTLINE: "Redrawn outlines give scores on both sides of the threshold.",
    Doubt.CALIBRATION: "The scores of the training cases do not decide between the classes here.",
}
"""The reason why a verdict is uncertain."""


def doubt_texts(doubts: Sequence[Doubt], say: Wording = ENGLISH) -> Iterator[str]:
    """Yield the reasons why a verdict is uncertain, one sentence each."""
    return (say(DOUBTS[doubt]) for doubt in doubts)


def range_text(stability: Stability, threshold: float, between: str = " to ") -> str:
    """Return the range of scores of redrawn outlines, such as ``0.312 to 0.795``, never rounded across the threshold.

    Each end has enough digits to differ from the threshold.
    """
    low, _ = shown_score(stability.low, threshold)
    high, _ = shown_score(stability.high, threshold)
    return f"{low}{between}{high}"


def stability_text(score: Score, say: Wording = ENGLISH) -> str:
    """Return the stability of the score over redrawn outlines, as text."""
    found = score.stability
    if isinstance(found, NotRedrawn):
        return say("Not computed: {why}.", why=found.why)
    of = say("{part} of {all}", part=found.redraws, all=found.drawn) if found.redraws < found.drawn else found.redraws
    return say(
        "{range} over the outline and {of} redrawn ones: shifted, rotated, wider or narrower, and irregular, as "
        "outlines differ between readers.",
        range=range_text(found, score.threshold, say(" to ")),
        of=of,
    )


def set_text(score: Score, say: Wording = ENGLISH) -> str:
    """Return the prediction set with its coverage, such as ``hot or cold (90 % of each class are covered)``."""
    if score.certainty is None or score.prediction_set is None:
        return say("Unknown: the signature was not calibrated.")
    return say(
        "{set}. {coverage:.0%} of the cases of each class have their class in such a set, if they are like the "
        "training cases.",
        set=say(str(score.prediction_set)),
        coverage=score.certainty.coverage,
    )


def training_position_texts(score: Score, say: Wording = ENGLISH) -> Iterator[str]:
    """Yield the position of the case among the training cases: as a sentence, and as counts by tenths of the score."""
    if score.certainty is None:
        return
    value, hot, cold = score.hot_probability, score.certainty.hot_scores, score.certainty.cold_scores
    yield say(
        "The score is higher than that of {hot} of {all_hot} hot and {cold} of {all_cold} cold training cases.",
        hot=_below(hot, value),
        all_hot=len(hot),
        cold=_below(cold, value),
        all_cold=len(cold),
    )
    yield say(
        "Training cases by tenths of the score, from 0 to 1, this case in brackets: hot {hot}, cold {cold}.",
        hot=_tenths(hot, value),
        cold=_tenths(cold, value),
    )


def _below(scores: Sequence[float], value: float) -> int:
    return bisect_left(scores, value)


def _tenths(scores: Sequence[float], value: float) -> str:
    """Return the number of scores in each tenth, as text; the last tenth includes its upper end."""
    ends = [bisect_left(scores, step / TENTHS) for step in range(TENTHS)]
    counts = [after - before for before, after in zip(ends, [*ends[1:], bisect_right(scores, 1.0)], strict=True)]
    own = min(int(value * TENTHS), TENTHS - 1)
    return " ".join(f"[{count}]" if at == own else str(count) for at, count in enumerate(counts))
