"""How sure a verdict is, in words that report, key image and status share."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence

from workers.scoring.case_result import Doubt, NotRedrawn, Phenotype, Score, Stability, shown_score

TENTHS = 10
DOUBTS = {
    Doubt.OUTLINE: "Redrawn outlines give scores on both sides of the threshold.",
    Doubt.CALIBRATION: "Training cases of both classes have scores like this one.",
}
"""Why a verdict is uncertain."""
VERDICTS = {Phenotype.HOT: "HOT", Phenotype.COLD: "COLD", Phenotype.UNCERTAIN: "UNCERTAIN"}


def doubt_texts(doubts: Sequence[Doubt]) -> Iterator[str]:
    """Yield why a verdict is uncertain, a sentence each."""
    return (DOUBTS[doubt] for doubt in doubts)


def range_text(stability: Stability, threshold: float, between: str = " to ") -> str:
    """Return the range of the scores of redrawn outlines, such as ``0.312 to 0.795``, never rounded over the threshold.

    The digits are those that tell each end from the threshold.
    """
    low, _ = shown_score(stability.low, threshold)
    high, _ = shown_score(stability.high, threshold)
    return f"{low}{between}{high}"


def stability_text(score: Score) -> str:
    """Return what redrawn outlines make of the score, in a sentence."""
    found = score.stability
    if isinstance(found, NotRedrawn):
        return f"Not computed: {found.why}."
    of = f"{found.redraws} of {found.drawn}" if found.redraws < found.drawn else str(found.redraws)
    return (
        f"{range_text(found, score.threshold)} over the outline and {of} redrawn ones: shifted, turned, wider or "
        "narrower, and wavy, as readers differ."
    )


def set_text(score: Score) -> str:
    """Return the prediction set with its coverage, such as ``hot or cold (90 % of each class are covered)``."""
    if score.certainty is None or score.prediction_set is None:
        return "Not known: the signature was not calibrated."
    return (
        f"{score.prediction_set}. {score.certainty.coverage:.0%} of the cases of each class have their class in such a "
        "set, as long as they are like the training cases."
    )


def place_texts(score: Score) -> Iterator[str]:
    """Yield where the case lies among the training cases: in a sentence, and as counts by tenths of the score."""
    if score.certainty is None:
        return
    value, hot, cold = score.hot_probability, score.certainty.hot_scores, score.certainty.cold_scores
    yield (
        f"The score is higher than that of {_below(hot, value)} of {len(hot)} hot and {_below(cold, value)} of "
        f"{len(cold)} cold training cases."
    )
    yield (
        "Training cases by tenths of the score, from 0 to 1, this case in brackets: "
        f"hot {_tenths(hot, value)}, cold {_tenths(cold, value)}."
    )


def _below(scores: Sequence[float], value: float) -> int:
    return bisect_left(scores, value)


def _tenths(scores: Sequence[float], value: float) -> str:
    """Return how many scores lie in each tenth, the last one with its upper end."""
    ends = [bisect_left(scores, step / TENTHS) for step in range(TENTHS)]
    counts = [after - before for before, after in zip(ends, [*ends[1:], bisect_right(scores, 1.0)], strict=True)]
    own = min(int(value * TENTHS), TENTHS - 1)
    return " ".join(f"[{count}]" if at == own else str(count) for at, count in enumerate(counts))
