"""The typeface of everything that is drawn for people: DejaVu Sans, which comes with the program.

Version 2.37, unaltered, with its licence beside it (`fonts/LICENSE`, Bitstream Vera and Arev). It has the letters of
Latin, Greek and Cyrillic and the signs of units, so a report does not depend on which fonts a machine has.
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
    """Return the face for drawing with Pillow; ``size`` is that of an em, in pixels."""
    return ImageFont.truetype(font_file(bold=bold), size)
