"""Score and threshold as people read them."""

import math
import random

import pytest

from workers.scoring.case_result import shown_score


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
