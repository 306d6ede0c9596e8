"""The typefaces of all that is drawn for people: files of the program, so that a report depends on no installed font.

DejaVu Sans 2.37 (`fonts/LICENSE`: Bitstream Vera and Arev) has Latin, Greek and Cyrillic letters and the signs of
units, Droid Sans Fallback 2.55b (`fonts/LICENSE-Droid`: Apache 2.0) those of Chinese, Japanese and Korean. Both are
unaltered.
"""

import functools
from pathlib import Path

from PIL import ImageFont

_FOLDER = Path(__file__).parent / "fonts"


def font_file(*, bold: bool = False, east_asian: bool = False) -> Path:
    """Return the TrueType file; the letters of Chinese, Japanese and Korean have no bold one."""
    if east_asian:
        return _FOLDER / "DroidSansFallback.ttf"
    return _FOLDER / ("DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf")


@functools.lru_cache(maxsize=64)
def pixel_font(size: float, *, bold: bool = False, east_asian: bool = False) -> ImageFont.FreeTypeFont:
    """Return the font for drawing with Pillow; ``size`` is the em size in pixels."""
    return ImageFont.truetype(font_file(bold=bold, east_asian=east_asian), size)
