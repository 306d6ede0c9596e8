"""The first sentences of a report: the verdict, how near the threshold it is, and what the score is worth."""

from workers.scoring.case_result import CaseResult, Doubt, Phenotype, Rejection, Score, Stability, shown_score
from workers.scoring.signature_quality import SignatureQuality
from workers.texts.certainty_texts import range_text
from workers.texts.not_scored_reasons import REASONS
from workers.texts.remedies import REMEDIES
from workers.texts.wording import Wording

CLASSES = {Phenotype.HOT: "immune-inflamed", Phenotype.COLD: "immune-desert"}
NOT_SCORED = "NOT SCORED"
DIGITS = 3


def conclusion(result: CaseResult, say: Wording) -> str:
    """Return the verdict in one sentence, or that the case is not scored and why."""
    if result.score is not None:
        return _verdict(result.score, say)
    if result.rejection is not None:
        reason = say(REASONS[result.rejection.reason].meaning)
        return say("{refused}: {reason}.", refused=say(NOT_SCORED), reason=reason)
    return say(NOT_SCORED)


def _verdict(score: Score, say: Wording) -> str:
    shown, threshold = shown_score(score.hot_probability, score.threshold)
    difference = f"{abs(float(shown) - float(threshold)):.{len(shown) - 2}f}"
    where = say(
        "{distance} above the threshold for hot ({threshold})"
        if score.is_hot
        else "{distance} below the threshold for hot ({threshold})",
        distance=difference,
        threshold=threshold,
    )
    if not score.doubts:
        return say(
            "{verdict} ({meaning}): the radiomics score is {score} of 1, {where}.",
            verdict=say.verdicts[score.tendency],
            meaning=say(CLASSES[score.tendency]),
            score=shown,
            where=where,
        )
    words = {
        "verdict": say.verdicts[Phenotype.UNCERTAIN],
        "score": shown,
        "where": where,
        "why": say(", and ").join(_doubt(doubt, score, say) for doubt in score.doubts),
    }
    if score.shown_tendency is None:
        return say("{verdict}: the radiomics score is {score} of 1, {where}, but {why}.", **words)
    return say(
        "{verdict}, tends to {tendency}: the radiomics score is {score} of 1, {where}, but {why}.",
        tendency=say.verdicts[score.shown_tendency],
        **words,
    )


def _doubt(doubt: Doubt, score: Score, say: Wording) -> str:
    if doubt is Doubt.OUTLINE and isinstance(score.stability, Stability):
        span = range_text(score.stability, score.threshold, say(" to "))
        return say("redrawn outlines give {range}, on both sides of it", range=span)
    if doubt is Doubt.CONTRAST_PHASE:
        return say("nothing shows that the images were acquired after contrast")
    return say("the training cases do not decide between the classes at this score")


def about_score(quality: SignatureQuality | None, say: Wording) -> str:
    """Return what the score is, and how well the signature separates the classes."""
    meaning = say(
        "The score is the mean vote of a random forest, from 0 (cold) to 1 (hot); it is not a calibrated probability."
    )
    if quality is None:
        return f"{meaning} {say('The signature does not state how well it separates the classes.')}"
    return (
        meaning
        + " "
        + say(
            "On {cases} {kind} cases, the signature's AUC is {auc} (95 % interval {low} to {high}).",
            cases=quality.cases,
            kind=", ".join((say(quality.kind), *([say("simulated")] if quality.is_simulated else []))),
            auc=f"{quality.auc:.{DIGITS}f}",
            low=f"{quality.low:.{DIGITS}f}",
            high=f"{quality.high:.{DIGITS}f}",
        )
    )


def what_to_do(rejection: Rejection, say: Wording) -> str:
    """Return the remedy of a case that is not scored."""
    return say(REMEDIES[rejection.reason])
