"""Where a line of text may be broken: not between a number and its unit, nor within a range or ``series 2``."""

import re

from workers.texts.letters import EAST_ASIAN

WHITE_SPACE = re.compile(r"[ \t\r\n]+")
OPENING, CLOSING = "\uff08\u300a\u201c", "\uff0c\u3002\uff1a\uff1b\u3001\uff01\uff1f\uff09\u300b\u201d%"
"""Chinese brackets and marks."""
NO_BREAK_SPACE = "\u00a0"
PIECE = re.compile(
    f"[{OPENING}]*(?:[{EAST_ASIAN}](?:{NO_BREAK_SPACE}[^ {EAST_ASIAN}]+)?|[^ {EAST_ASIAN}]+)[{CLOSING}]* ?"
)
TOGETHER = re.compile(r"\d (?:mL|mm|cm|ms|s|min)\b|\d %|\d - \d|\b(?:series|Serie|phase|Phase) \d|[列第] \d")


def bound(text: str) -> str:
    """Return a text in which no-break spaces join what belongs on one line; `unbound` makes them spaces again."""
    return TOGETHER.sub(lambda found: found[0].replace(" ", NO_BREAK_SPACE), text)


def unbound(text: str) -> str:
    """Return a line without no-break spaces, so that its words are found by a search."""
    return text.replace(NO_BREAK_SPACE, " ")


def pieces(text: str) -> list[str]:
    """Return what a text may be broken into, each with the space behind it: words, and single letters of Chinese.

    Values stay with their units, and a Chinese bracket or mark with the letter that it belongs to.
    """
    return PIECE.findall(WHITE_SPACE.sub(" ", bound(text)).strip(" "))
