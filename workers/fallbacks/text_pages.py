"""Lays out plain text, with an optional picture, as pages: PDF or pixels. The same text gives the same bytes."""

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from workers.fallbacks.pdf import Page, Picture, Run, write_pdf
from workers.texts.drawn_text import draw_text
from workers.texts.letters import is_east_asian
from workers.texts.line_breaks import bound, pieces, unbound

INCH = 72.0
"""In points, like all lengths in this module."""
WIDTH, HEIGHT = 8.27 * INCH, 11.69 * INCH
"""A4."""
LEFT, TOP, BOTTOM = 0.07 * WIDTH, 0.93 * HEIGHT, 0.07 * HEIGHT
SIZE, TITLE_SIZE, FOOT_SIZE = 9.0, 16.0, 7.0
LINE = 0.165 * INCH
HEAD = 0.9 * INCH
"""The title, and what is free around it."""
LETTERS = 98
"""Characters that fit into a line of this size."""
PICTURE_HEIGHT = 5.0 * INCH
PICTURE_DPI = 120
HANGING = "    "
"""Before all lines of a text but the first."""
INDENT = 3
"""In letters; and in points:"""
INDENT_WIDTH = 0.022 * WIDTH
RISE = 0.76
"""From the baseline of a text to its top, of its size."""
RED, GREY = (0.541, 0.110, 0.0), (0.333, 0.333, 0.333)


@dataclass(frozen=True)
class Line:
    """One line of the text."""

    text: str
    depth: int = 0
    bold: bool = False


@dataclass(frozen=True)
class Document:
    """The content of the pages."""

    title: str
    notice: str
    """Below the title: what the document is, and what it is not."""
    lines: Sequence[Line]
    foot: str = ""
    """On each page, before its number."""
    picture: NDArray[np.uint8] | None = None
    """Rows, columns, RGB; on the first page."""


def as_pdf(document: Document) -> bytes:
    """Return the document as PDF, with text that can be searched."""
    return write_pdf(document.title, _pages(document), WIDTH, HEIGHT)


def as_pixels(document: Document) -> NDArray[np.uint8]:
    """Return the first page as rows, columns, RGB; it says where the document has more pages."""
    page = _pages(document, whole=False)[0]
    scale = PICTURE_DPI / INCH
    paper = Image.new("RGB", (int(WIDTH * scale), int(HEIGHT * scale)), "white")
    if page.picture is not None:
        one = page.picture
        size = (round(one.width * scale), round(one.height * scale))
        corner = (round(one.x * scale), round((HEIGHT - one.y - one.height) * scale))
        paper.paste(Image.fromarray(one.pixels).resize(size, Image.Resampling.BICUBIC), corner)
    pen = ImageDraw.Draw(paper)
    for run in page.runs:
        baseline = (run.x * scale, (HEIGHT - run.y) * scale)
        colour = tuple(round(255 * part) for part in run.colour)
        draw_text(pen, baseline, run.text, colour, run.size * scale, "ls", bold=run.bold)
    return np.asarray(paper)


def _pages(document: Document, *, whole: bool = True) -> list[Page]:
    lines = [wrapped for line in document.lines for wrapped in _wrapped(line)]
    head = textwrap.wrap(document.notice, LETTERS)
    room = int((TOP - BOTTOM - HEAD) / LINE)
    first = room - len(head) - (0 if document.picture is None else int(PICTURE_HEIGHT / LINE) + 1)
    parts = list(_parts(lines, first, room))
    if not whole and len(parts) > 1:
        left = len(lines) - first + 1
        parts = [[*lines[: first - 1], Line(f"... and {left} lines more, which are not in this picture.", bold=True)]]
    return [_page(document, head, part, number, len(parts)) for number, part in enumerate(parts, 1)]


def _parts(lines: Sequence[Line], first: int, room: int) -> Iterator[Sequence[Line]]:
    """Yield the lines of each page, of which the first has less room. A heading goes to the page of what follows it."""
    start, end = 0, first
    while end < len(lines):
        while end - 1 > start and lines[end - 1].bold:
            end -= 1
        yield lines[start:end]
        start, end = end, end + room
    yield lines[start:]


def _wrapped(line: Line) -> list[Line]:
    width = LETTERS - INDENT * line.depth
    if any(map(is_east_asian, line.text)):
        texts = list(_in_columns(line.text, width))
    else:
        texts = textwrap.wrap(bound(line.text), width, subsequent_indent=HANGING) or [""]
    return [Line(unbound(text), line.depth, line.bold) for text in texts]


def _in_columns(text: str, width: int) -> Iterator[str]:
    """Yield the lines of a text with letters of Chinese, Japanese or Korean, which are two columns wide."""
    line, room = "", max(1, width - len(HANGING))
    for piece in (word[at : at + room] for word in pieces(text) for at in range(0, len(word), room)):
        if line.strip() and _columns(line + piece.rstrip()) > width:
            yield line.rstrip()
            line = HANGING
        line += piece
    yield line.rstrip()


def _columns(text: str) -> int:
    return len(text) + sum(map(is_east_asian, text))


def _page(document: Document, head: Sequence[str], lines: Sequence[Line], number: int, count: int) -> Page:
    runs = [Run(document.title, LEFT, TOP - RISE * TITLE_SIZE, TITLE_SIZE, bold=True)]
    y = TOP - 0.38 * INCH
    picture = None
    if number == 1:
        for text in head:
            runs.append(Run(text, LEFT, y - RISE * SIZE, SIZE, colour=RED))
            y -= LINE
        y -= 0.1 * INCH
        if document.picture is not None:
            picture = _picture(document.picture, y)
            y -= PICTURE_HEIGHT + LINE
    for line in lines:
        runs.append(Run(line.text, LEFT + line.depth * INDENT_WIDTH, y - RISE * SIZE, SIZE, line.bold))
        y -= LINE
    runs.append(Run(f"{document.foot}page {number} of {count}", LEFT, BOTTOM / 2, FOOT_SIZE, colour=GREY))
    return Page(runs, picture)


def _picture(pixels: NDArray[np.uint8], top: float) -> Picture:
    """Return a picture below ``top``, as large as there is room for, in the middle."""
    rows, columns = pixels.shape[:2]
    scale = min((WIDTH - 2 * LEFT) / columns, PICTURE_HEIGHT / rows)
    width, height = scale * columns, scale * rows
    return Picture(pixels, (WIDTH - width) / 2, top - (PICTURE_HEIGHT + height) / 2, width, height)
