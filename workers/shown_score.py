"""Score and threshold as people read them: with the same digits everywhere, so that no two places seem to differ."""

FEWEST_DIGITS = 3
MOST_DIGITS = 14
"""Behind the point: a Decimal String holds 16 characters (PS3.5 section 6.2)."""


def shown_score(score: float, threshold: float) -> tuple[str, str]:
    """Return score and threshold with three digits, and more where both would look the same without being it.

    Rounded alike they could contradict the verdict: 0.41226 is cold below a threshold of 0.4123, "0.412" is not cold
    from "0.412" upwards.
    """
    digits = FEWEST_DIGITS
    while score != threshold and digits < MOST_DIGITS and f"{score:.{digits}f}" == f"{threshold:.{digits}f}":
        digits += 1
    return f"{score:.{digits}f}", f"{threshold:.{digits}f}"
