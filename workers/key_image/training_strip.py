"""Draws the strip of the key image: the position of the case among the training cases of both classes.

Hot training cases are above the line, cold ones below it, and a word beside each says so. Each class is scaled on its
own, so that a larger class does not look more likely. The range of the redrawn outlines is on the line.
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import ImageDraw

from workers.texts.drawn_text import draw_text, text_width

BINS = 24
"""Number of bins of the score from 0 to 1."""
BAR_HEIGHT = 30
"""Of the fullest bin of each class, in pixels."""
AXIS_HEIGHT = 14
LABEL_SIZE = 19
LABEL_WIDTH = 56
"""Least room for the names of the classes on the right, in pixels."""
LARGEST_LABEL_WIDTH = 130
SMALLEST_LABEL = 14
"""Size of the names of the classes where they are long."""
HEIGHT = 2 * BAR_HEIGHT + AXIS_HEIGHT
STRIP_HEIGHT = HEIGHT + 4 + LABEL_SIZE + 10
"""With the words below it, in pixels."""
WHITE, GREY, DARK = (245, 245, 245), (165, 165, 165), (70, 70, 70)
Colour = tuple[int, int, int]


@dataclass(frozen=True)
class Strip:
    """The content of the strip."""

    score: float
    threshold: float
    span: tuple[float, float]
    """Lowest and highest score of the redrawn outlines; the score itself where there are none."""
    hot: Sequence[float]
    """Scores of the hot training cases; may be empty, like those of the cold ones."""
    cold: Sequence[float]
    hot_colour: Colour
    cold_colour: Colour
    verdict_colour: Colour
    hot_word: str = "hot"
    """Beside the hot training cases."""
    cold_word: str = "cold"
    axis_words: str = "training cases"


def draw_strip(pen: ImageDraw.ImageDraw, strip: Strip, corner: tuple[int, int], width: int) -> None:
    """Draw the strip with its upper left corner at ``corner`` (x, y), `STRIP_HEIGHT` high."""
    x, y = corner
    if strip.hot and strip.cold:
        names = (strip.hot_word, strip.cold_word)
        size, room = _label_size(names)
        width -= room
        for words, colour, middle in zip(names, (strip.hot_colour, strip.cold_colour), (0.5, 1.5), strict=True):
            at_label = (x + width + 8, y + round(middle * BAR_HEIGHT) + (AXIS_HEIGHT if middle > 1 else 0))
            draw_text(pen, at_label, _cut(words, size, room - 8), colour, size, "lm")
    upper = y + BAR_HEIGHT
    lower = upper + AXIS_HEIGHT
    _draw_bars(pen, strip.hot, (x, upper - 1), width, -BAR_HEIGHT, strip.hot_colour)
    _draw_bars(pen, strip.cold, (x, lower + 1), width, BAR_HEIGHT, strip.cold_colour)
    pen.rectangle([(x, upper), (x + width, lower)], DARK)
    ends = [x + round(width * end) for end in strip.span]
    pen.rectangle([(ends[0] - 2, upper + 3), (ends[1] + 2, lower - 3)], strip.verdict_colour)
    at = x + round(width * strip.threshold)
    for begin in range(y, y + HEIGHT, 8):
        pen.line([(at, begin), (at, begin + 4)], WHITE, 2)
    _draw_case(pen, x + round(width * strip.score), (upper, lower))
    below = y + HEIGHT + 4
    for value, anchor in ((0.0, "la"), (1.0, "ra")):
        draw_text(pen, (x + width * value, below), f"{value:g}", GREY, LABEL_SIZE, anchor)
    if strip.hot and strip.cold:
        draw_text(pen, (x + width / 2, below), strip.axis_words, GREY, LABEL_SIZE, "ma")


def _label_size(names: Sequence[str]) -> tuple[int, int]:
    """Return the em size at which the names of the classes leave room for the bars, and the width that they take."""
    for size in range(LABEL_SIZE, SMALLEST_LABEL - 1, -1):
        room = round(max(text_width(name, size) for name in names)) + 10
        if room <= LARGEST_LABEL_WIDTH:
            return size, max(room, LABEL_WIDTH)
    return SMALLEST_LABEL, LARGEST_LABEL_WIDTH


def _cut(name: str, size: int, width: int) -> str:
    """Return a name, shortened where it is still too wide: the lines below have it in full."""
    while text_width(name, size) > width:
        name = f"{name.rstrip('.')[:-1]}..."
    return name


def _draw_bars(
    pen: ImageDraw.ImageDraw, scores: Sequence[float], base: tuple[int, int], width: int, height: int, colour: Colour
) -> None:
    counts, edges = _histogram(tuple(scores))
    x, y = base
    for count, left, right in zip(counts, edges[:-1], edges[1:], strict=True):
        if count:
            top = y + round(height * count / max(counts))
            span = (x + round(width * left), x + round(width * right) - 2)
            pen.rectangle([(span[0], min(y, top)), (span[1], max(y, top))], colour)


@functools.lru_cache(maxsize=16)
def _histogram(scores: tuple[float, ...]) -> tuple[list[int], list[float]]:
    """Return the numbers of training cases in the bins, and their edges: the same in all cases of a signature."""
    counts, edges = np.histogram(scores, BINS, (0.0, 1.0))
    return counts.tolist(), edges.tolist()


def _draw_case(pen: ImageDraw.ImageDraw, at: int, line: tuple[int, int]) -> None:
    """Draw this case as a diamond on the line, with a border that separates it from the background."""
    upper, lower = line
    middle, reach = (upper + lower) // 2, AXIS_HEIGHT // 2 + 5
    corners = [(at, middle - reach), (at + reach, middle), (at, middle + reach), (at - reach, middle)]
    pen.polygon(corners, WHITE, (0, 0, 0), 2)
