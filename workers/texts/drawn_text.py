"""Lines of text in a picture, in the typefaces of the program."""

import functools

from PIL import ImageDraw

from workers.texts.letters import runs
from workers.texts.typefaces import pixel_font

Colour = tuple[int, ...]


@functools.lru_cache(maxsize=4096)
def text_width(text: str, size: float, *, bold: bool = False) -> float:
    """Return the width of a line in pixels; ``size`` is the em size. A text is laid out several times."""
    return sum(pixel_font(size, bold=bold, east_asian=asian).getlength(part) for part, asian in runs(text))


def draw_text(
    pen: ImageDraw.ImageDraw,
    at: tuple[float, float],
    text: str,
    colour: Colour,
    size: float,
    anchor: str = "la",
    *,
    bold: bool = False,
    border: int = 0,
) -> None:
    """Draw a line of text, with a black border so many pixels wide.

    ``anchor`` is Pillow's: what of the line lies at the position, such as ``mm`` for its middle. All letters share the
    baseline, and the height, of DejaVu Sans.
    """
    x, y = at
    across, along = anchor[0], anchor[1]
    x -= {"l": 0.0, "m": 0.5, "r": 1.0}[across] * text_width(text, size, bold=bold)
    ascent, descent = pixel_font(size, bold=bold).getmetrics()
    y += {"a": ascent, "m": (ascent - descent) / 2, "s": 0, "d": -descent}[along]
    for part, asian in runs(text):
        font = pixel_font(size, bold=bold, east_asian=asian)
        pen.text((x, y), part, colour, font, "ls", stroke_width=border, stroke_fill=(0, 0, 0))
        x += font.getlength(part)
