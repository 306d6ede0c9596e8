"""Writes text and pictures at fixed positions as a PDF: fonts embedded, text searchable, deterministic bytes."""

import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from reportlab.lib.utils import ImageReader
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

from workers.texts.typefaces import font_file

ASIAN_FONTS = (
    ("HeiseiMin-W3", re.compile("[\u3040-\u30ff]")),
    ("HYSMyeongJo-Medium", re.compile("[\uac00-\ud7af]")),
    ("STSong-Light", re.compile("[\u2e80-\u9fff\uff00-\uffef]")),
)
"""Fonts of Adobe's Asian font packs by the letters that need them; they are not embedded."""


@dataclass(frozen=True)
class Run:
    """A piece of text in one style: left end of its baseline and size in points, from the page's lower left corner."""

    text: str
    x: float
    y: float
    size: float
    bold: bool = False
    colour: tuple[float, float, float] = (0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Picture:
    """Pixels as (rows, columns, RGB), and their position: lower left corner, width and height in points."""

    pixels: NDArray[np.uint8]
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Page:
    """The content of one page; the picture is drawn first."""

    runs: Sequence[Run]
    picture: Picture | None = None


def write_pdf(title: str, pages: Sequence[Page], width: float, height: float) -> bytes:
    """Return a PDF of these pages, all of one size in points. Half a surrogate pair in a text is shown as ``?``."""
    title = _valid(title)
    file = BytesIO()
    # Invariant: no time and no random number, so a retry gives the same bytes.
    # Without a first font of our own, each page would name Helvetica, which is not embedded.
    font = _registered(bold=False)
    canvas = Canvas(file, (width, height), pageCompression=1, invariant=1, initialFontName=font)
    canvas.setTitle(title)
    canvas.setAuthor("radtme")
    canvas.setSubject(title)
    canvas.setCreator("radtme")
    for page in pages:
        if page.picture is not None:
            one = page.picture
            canvas.drawImage(ImageReader(Image.fromarray(one.pixels)), one.x, one.y, one.width, one.height)
        for run in page.runs:
            canvas.setFillColorRGB(*run.colour)
            canvas.setFont(_font_of(run), run.size)
            canvas.drawString(run.x, run.y, _valid(run.text))
        canvas.showPage()
    canvas.save()
    return file.getvalue()


def _font_of(run: Run) -> str:
    """Return the font of a text: our own, else for Chinese, Japanese and Korean one that PDF readers provide."""
    own = _registered(bold=run.bold)
    known = pdfmetrics.getFont(own).face.charToGlyph
    if all(ord(letter) in known for letter in run.text):
        return own
    return next((_asian(name) for name, pattern in ASIAN_FONTS if pattern.search(run.text)), own)


@functools.cache
def _asian(name: str) -> str:
    pdfmetrics.registerFont(UnicodeCIDFont(name))
    return name


def _valid(text: str) -> str:
    """Return a text without what no encoding of Unicode can hold."""
    return text.encode(errors="replace").decode()


@functools.cache
def _registered(*, bold: bool) -> str:
    """Return the name under which ReportLab knows a face; it embeds the letters that are used."""
    name = font_file(bold=bold).stem
    pdfmetrics.registerFont(TTFont(name, font_file(bold=bold)))
    return name
