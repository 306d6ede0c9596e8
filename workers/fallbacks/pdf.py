"""Writes text and pictures at fixed positions as a PDF: fonts embedded, text searchable, deterministic bytes."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from reportlab.lib.utils import ImageReader
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

from workers.texts.letters import runs
from workers.texts.typefaces import font_file


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
            _draw(canvas, run)
        canvas.showPage()
    canvas.save()
    return file.getvalue()


def _draw(canvas: Canvas, run: Run) -> None:
    """Draw a text, each part in the typeface that has its letters."""
    x = run.x
    for part, east_asian in runs(_valid(run.text)):
        font = _registered(bold=run.bold, east_asian=east_asian)
        canvas.setFont(font, run.size)
        canvas.drawString(x, run.y, part)
        x += pdfmetrics.stringWidth(part, font, run.size)


def _valid(text: str) -> str:
    """Return a text without what no encoding of Unicode can hold."""
    return text.encode(errors="replace").decode()


@functools.cache
def _registered(*, bold: bool, east_asian: bool = False) -> str:
    """Return the name under which ReportLab knows a face; it embeds the letters that are used."""
    file = font_file(bold=bold, east_asian=east_asian)
    pdfmetrics.registerFont(TTFont(file.stem, file))
    return file.stem
