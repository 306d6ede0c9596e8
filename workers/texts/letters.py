"""Which letters the typefaces of the program have, and which of the two draws them.

A letter that neither has, such as a rare Chinese one above U+FFFF, is drawn as the typeface's sign for a missing
letter.
"""

import itertools
from collections.abc import Iterator

EAST_ASIAN = "\u1100-\u11ff\u2e80-\ud7ff\uf900-\ufaff\ufe30-\ufe4f\uff00-\uffef"
"""Letters of Chinese, Japanese and Korean, for a character class of a regular expression."""
LAST_LETTER = "\u052f"
"""Of Latin, Greek and Cyrillic, the first letters of Unicode."""
_RANGES = tuple((EAST_ASIAN[at], EAST_ASIAN[at + 2]) for at in range(0, len(EAST_ASIAN), 3))


def is_east_asian(letter: str) -> bool:
    """Return whether a letter is one of Chinese, Japanese or Korean."""
    return any(first <= letter <= last for first, last in _RANGES)


def can_be_drawn(text: str) -> bool:
    """Return whether the typefaces have all letters of a text."""
    return all(letter <= LAST_LETTER or is_east_asian(letter) for letter in text)


def runs(text: str) -> Iterator[tuple[str, bool]]:
    """Yield the parts of a text that share a typeface, and whether it is that of Chinese, Japanese and Korean."""
    if text and max(text) < EAST_ASIAN[0]:
        yield text, False
        return
    for east_asian, letters in itertools.groupby(text, is_east_asian):
        yield "".join(letters), east_asian
