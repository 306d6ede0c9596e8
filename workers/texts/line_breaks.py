"""Where a line of text may be broken: not between a number and its unit, nor within a range or ``series 2``."""

import re

NO_BREAK_SPACE = "\u00a0"
TOGETHER = re.compile(r"\d (?:mL|mm|cm|ms|s|min)\b|\d %|\d - \d|\b(?:series|Serie|phase|Phase) \d")


def bound(text: str) -> str:
    """Return a text in which no-break spaces join what belongs on one line; `unbound` makes them spaces again."""
    return TOGETHER.sub(lambda found: found[0].replace(" ", NO_BREAK_SPACE), text)


def unbound(text: str) -> str:
    """Return a line without no-break spaces, so that its words are found by a search."""
    return text.replace(NO_BREAK_SPACE, " ")
