"""Pages of plain text, with a picture where there is one: as PDF or as pixels. The same text gives the same bytes."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_pdf import PdfPages
from matplotlib.figure import Figure
from numpy.typing import NDArray

WIDTH_INCHES, HEIGHT_INCHES = 8.27, 11.69
"""A4."""
MARGIN = 0.07
POINTS = 9.0
LINE_INCHES = 0.165
LETTERS = 98
"""That fit into a line of this size."""
PICTURE_INCHES = 5.0
PICTURE_DPI = 120
INDENT = 3


@dataclass(frozen=True)
class Line:
    """One line of the text."""

    text: str
    depth: int = 0
    bold: bool = False


@dataclass(frozen=True)
class Document:
    """What stands on the pages."""

    title: str
    notice: str
    """Below the title: what this is, and what it is not."""
    lines: Sequence[Line]
    foot: str = ""
    """On each page, before its number."""
    picture: NDArray[np.uint8] | None = None
    """Rows, columns, RGB; on the first page."""


def as_pdf(document: Document) -> bytes:
    """Return the document as PDF, with text that can be searched."""
    buffer = BytesIO()
    with PdfPages(buffer, metadata={"Title": document.title, "CreationDate": None, "Creator": "radtme"}) as pdf:
        for page in _pages(document):
            pdf.savefig(page)
    return buffer.getvalue()


def as_pixels(document: Document) -> NDArray[np.uint8]:
    """Return the first page as rows, columns, RGB; it says where the document has more pages."""
    page = _pages(document, whole=False)[0]
    page.set_dpi(PICTURE_DPI)
    canvas = FigureCanvasAgg(page)
    canvas.draw()  # type: ignore[no-untyped-call]
    return np.ascontiguousarray(np.asarray(canvas.buffer_rgba())[..., :3])  # type: ignore[no-untyped-call]


def _pages(document: Document, *, whole: bool = True) -> list[Figure]:
    lines = [wrapped for line in document.lines for wrapped in _wrapped(line)]
    head = textwrap.wrap(document.notice, LETTERS)
    room = int((HEIGHT_INCHES * (1 - 2 * MARGIN) - 0.9) / LINE_INCHES)
    first = room - len(head) - (0 if document.picture is None else int(PICTURE_INCHES / LINE_INCHES) + 1)
    parts = [lines[:first], *(lines[start : start + room] for start in range(first, len(lines), room))]
    if not whole and len(parts) > 1:
        left = len(lines) - first + 1
        parts = [[*lines[: first - 1], Line(f"... and {left} lines more, which are not in this picture.", bold=True)]]
    return [_page(document, head, part, number, len(parts)) for number, part in enumerate(parts, 1)]


def _wrapped(line: Line) -> list[Line]:
    width = LETTERS - INDENT * line.depth
    texts = textwrap.wrap(line.text, width, subsequent_indent="    ") or [""]
    return [Line(text, line.depth, line.bold) for text in texts]


def _page(document: Document, head: Sequence[str], lines: Sequence[Line], number: int, count: int) -> Figure:
    page = Figure(figsize=(WIDTH_INCHES, HEIGHT_INCHES), facecolor="white")
    y = 1 - MARGIN
    page.text(MARGIN, y, document.title, fontsize=16, fontweight="bold", va="top", parse_math=False)
    y -= 0.38 / HEIGHT_INCHES
    if number == 1:
        for text in head:
            page.text(MARGIN, y, text, fontsize=POINTS, va="top", color="#8a1c00", parse_math=False)
            y -= LINE_INCHES / HEIGHT_INCHES
        y -= 0.1 / HEIGHT_INCHES
        if document.picture is not None:
            height = PICTURE_INCHES / HEIGHT_INCHES
            axes = page.add_axes((MARGIN, y - height, 1 - 2 * MARGIN, height))
            axes.imshow(document.picture)
            axes.set_axis_off()
            y -= height + LINE_INCHES / HEIGHT_INCHES
    for line in lines:
        x = MARGIN + line.depth * 0.022
        weight = "bold" if line.bold else "normal"
        page.text(x, y, line.text, fontsize=POINTS, fontweight=weight, va="top", parse_math=False)
        y -= LINE_INCHES / HEIGHT_INCHES
    foot = f"{document.foot}page {number} of {count}"
    page.text(MARGIN, MARGIN / 2, foot, fontsize=7, color="#555555", parse_math=False)
    return page
