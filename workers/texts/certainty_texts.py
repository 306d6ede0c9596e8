"""Texts on the certainty of a verdict, shared by report, key image and status."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence

from workers.scoring.case_result import Doubt, NotRedrawn, Score, Stability, shown_score
from workers.texts.wording import ENGLISH, Wording

PARTS = 5
"""Of the range of scores, for the numbers of training cases."""
DOUBTS = {
    Doubt.OUTLINE: "Redrawn outlines give scores on both sides of the threshold.",
    Doubt.CALIBRATION: "The scores of the training cases do not decide between the classes here.",
    Doubt.CONTRAST_PHASE: "Nothing shows that the measured images were acquired after contrast.",
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
    """Return the prediction set with its coverage, such as ``hot or cold. In 90% of the cases ...``."""
    if score.certainty is None or score.prediction_set is None:
        return say("Unknown: the signature was not calibrated.")
    return say(
        "{set}. In {coverage:.0%} of the cases of each class the set contains the true class, if they are like the "
        "training cases.",
        set=say(str(score.prediction_set)),
        coverage=score.certainty.coverage,
    )


def training_position_texts(score: Score, say: Wording = ENGLISH) -> Iterator[str]:
    """Yield the position of the case among the training cases: as a sentence, and as numbers of cases by score."""
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
    yield say("Training cases by score: {counts}.", counts="; ".join(_counts(hot, cold, value, say)))


def _below(scores: Sequence[float], value: float) -> int:
    return bisect_left(scores, value)


def _counts(hot: Sequence[float], cold: Sequence[float], value: float, say: Wording) -> Iterator[str]:
    """Yield the number of training cases of both classes in each part of the range of scores, from 0 to 1."""
    own = min(int(value * PARTS), PARTS - 1)
    for part in range(PARTS):
        low, high = part / PARTS, (part + 1) / PARTS
        yield say(
            "{low} to {high} (this case): {hot} hot, {cold} cold"
            if part == own
            else "{low} to {high}: {hot} hot, {cold} cold",
            low=f"{low:g}",
            high=f"{high:g}",
            hot=_between(hot, low, high),
            cold=_between(cold, low, high),
        )


def _between(scores: Sequence[float], low: float, high: float) -> int:
    """Return how many scores lie from ``low`` to below ``high``; up to 1 in the last part."""
    return (bisect_right(scores, 1.0) if high == 1.0 else bisect_left(scores, high)) - bisect_left(scores, low)
