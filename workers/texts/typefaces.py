"""The typeface of everything that is drawn for people: DejaVu Sans, which is part of the program.

Version 2.37, unaltered, with its licence (`fonts/LICENSE`, Bitstream Vera and Arev). It covers Latin, Greek and
Cyrillic letters and the signs of units, so that a report does not depend on installed fonts.
"""

import functools
from pathlib import Path

from PIL import ImageFont

_FOLDER = Path(__file__).parent / "fonts"


def font_file(*, bold: bool = False) -> Path:
    """Return the TrueType file."""
    return _FOLDER / ("DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf")


@functools.lru_cache(maxsize=32)
def pixel_font(size: float, *, bold: bool = False) -> ImageFont.FreeTypeFont:
    """Return the font for drawing with Pillow; ``size`` is the em size in pixels."""
    return ImageFont.truetype(font_file(bold=bold), size)
