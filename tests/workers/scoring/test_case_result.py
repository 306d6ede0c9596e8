"""The verdict, and score and threshold as people read them."""

import math
import random
from dataclasses import replace

import pytest

from model_store.signatures.certainty import Certainty, PredictionSet, ThresholdInterval
from workers.scoring.case_result import Doubt, NotRedrawn, Phenotype, Score, Stability, shown_score


@pytest.mark.parametrize(
    ("score", "threshold", "expected"),
    [
        (0.7312, 0.4123, ("0.731", "0.412")),
        (0.41226, 0.4123, ("0.41226", "0.41230")),
        (0.41236, 0.4123, ("0.4124", "0.4123")),
        (0.4123, 0.4123, ("0.412", "0.412")),
        (1.0, 0.5, ("1.000", "0.500")),
        (0.9999, 1.0, ("0.9999", "1.0000")),
    ],
)
def test_it_has_as_many_digits_as_tell_them_apart(score: float, threshold: float, expected: tuple[str, str]) -> None:
    """Three, and more where score and threshold would look the same without being it."""
    assert shown_score(score, threshold) == expected


def test_what_is_shown_never_contradicts_the_verdict() -> None:
    """However near: the shown score reaches the shown threshold exactly where the score reaches the threshold."""
    numbers = random.Random(3)
    for _ in range(2000):
        threshold = numbers.random()
        score = threshold + numbers.choice((-1, 1)) * 10 ** numbers.uniform(-13, -2)
        shown, limit = shown_score(score, threshold)
        assert (float(shown) >= float(limit)) == (score >= threshold)


def test_it_fits_into_a_decimal_string() -> None:
    """VR DS holds 16 characters (PS3.5 section 6.2), so neighbouring doubles may look the same."""
    shown, limit = shown_score(0.4123, math.nextafter(0.4123, 1))
    assert max(len(shown), len(limit)) <= 16


APART = Certainty(0.9, (0.6,) * 9 + (0.9,) * 10, (0.1,) * 10 + (0.3,) * 9, ThresholdInterval(0.4, 0.5, 5))
"""Hot cases score 0.6 and 0.9, cold ones 0.1 and 0.3."""
OVERLAPPING = Certainty(0.9, (0.1,) * 9 + (0.9,) * 10, (0.1,) * 10 + (0.9,) * 9, ThresholdInterval(0.4, 0.5, 5))


def verdict(probability: float, certainty: Certainty | None, stability: Stability | NotRedrawn) -> Score:
    """Return a score with a threshold of 0.45."""
    return Score(probability, 0.45, 0.5, (), certainty, stability)


@pytest.mark.parametrize(
    ("probability", "low", "high", "expected"),
    [
        (0.8, 0.7, 0.9, Phenotype.HOT),
        (0.8, 0.45, 0.9, Phenotype.HOT),  # from the threshold upwards a case is hot
        (0.8, 0.449, 0.9, Phenotype.UNCERTAIN),
        (0.2, 0.1, 0.449, Phenotype.COLD),
        (0.2, 0.1, 0.45, Phenotype.UNCERTAIN),
    ],
)
def test_a_range_across_the_threshold_is_uncertain(
    probability: float, low: float, high: float, expected: Phenotype
) -> None:
    """One redrawn outline with the other class is enough; the class by the threshold stays visible."""
    found = verdict(probability, APART, Stability(low, high, 10, 10))
    assert found.phenotype is expected
    assert found.tendency is (Phenotype.HOT if probability > 0.45 else Phenotype.COLD)
    assert found.doubts == ((Doubt.OUTLINE,) if expected is Phenotype.UNCERTAIN else ())


def test_scores_that_both_classes_have_are_uncertain() -> None:
    """The prediction set holds both classes, however steady the score is under redrawn outlines."""
    found = verdict(0.8, OVERLAPPING, Stability(0.8, 0.8, 10, 10))
    assert (found.phenotype, found.prediction_set) == (Phenotype.UNCERTAIN, PredictionSet.BOTH)
    assert found.doubts == (Doubt.CALIBRATION,)
    assert verdict(0.8, OVERLAPPING, Stability(0.4, 0.8, 10, 10)).doubts == (Doubt.OUTLINE, Doubt.CALIBRATION)


def test_images_that_may_be_before_contrast_get_no_class() -> None:
    """However sure the score is; the class that it tends to stays visible."""
    found = replace(verdict(0.8, APART, Stability(0.8, 0.8, 10, 10)), after_contrast_shown=False)
    assert (found.phenotype, found.tendency, found.doubts) == (
        Phenotype.UNCERTAIN,
        Phenotype.HOT,
        (Doubt.CONTRAST_PHASE,),
    )


def test_what_is_not_known_is_no_doubt() -> None:
    """Without calibration and redrawn outlines the verdict is the class by the threshold, as before."""
    found = verdict(0.8, None, NotRedrawn("the outline is too large"))
    assert (found.phenotype, found.doubts, found.prediction_set) == (Phenotype.HOT, (), None)
    assert found.span == (0.8, 0.8)
