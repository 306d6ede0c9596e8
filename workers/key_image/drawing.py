"""Draws the key image: the slice with the largest tumour area, both outlines, and the verdict next to it.

Of a case that was not measured, there are words alone.
"""

import functools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from workers.key_image.training_strip import STRIP_HEIGHT, Strip, draw_strip
from workers.texts.drawn_text import draw_text, text_width
from workers.texts.line_breaks import pieces, unbound

WIDTH, HEIGHT = 1024, 768
BAND = 64
"""Height of the bands above and below the slice, in pixels. Viewers write into the corners: text is in the middle."""
CORNER = 150
"""Width of what stays free in each corner, in pixels."""
PANEL = HEIGHT - 2 * BAND
"""Side of the square that shows the slice, in pixels."""
MARGIN = 16
SIDE = PANEL + 2 * MARGIN
"""Left edge of the text column, in pixels."""
WORDS_SIDE = WIDTH // 6
"""Left edge of the text where there is no slice, in pixels: as far from the right."""
INSET = 150
SMALLEST_INSET = 90
"""Side of the smallest inset, in pixels: text takes precedence over it, and a smaller inset would be useless."""
CONTEXT_MM = 14.0
"""Margin of tissue that is shown around the outlines, in mm."""
MIN_VIEW_MM = 60.0
OUTLINE_WIDTH = 3
TEXT_SCALES = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5)
LEGIBLE = TEXT_SCALES[:3]
"""Can be read where a viewer shows the picture with 512 pixels: the text becomes shorter before it becomes smaller."""
SCALES_FOR_INSET = TEXT_SCALES[:2]
SMALLEST_TEXT = 14
WHITE, GREY, AMBER, VIOLET = (245, 245, 245), (165, 165, 165), (255, 196, 61), (200, 160, 255)
Colour = tuple[int, int, int]


@dataclass(frozen=True)
class Contour:
    """The outline of a region on the displayed slice."""

    label: str
    mask: NDArray[np.bool_]
    """Mask (rows, columns)."""
    colour: Colour


@dataclass(frozen=True)
class View:
    """The displayed slice."""

    pixels: NDArray[np.generic]
    """Grey values (rows, columns)."""
    pixel_spacing_mm: tuple[float, float]
    """Between rows, then between columns."""
    outlines: Sequence[Contour]
    """Drawn in reverse order, so that the first one is on top."""
    edge_letters: tuple[str, str, str, str]
    """Patient directions at the left, right, upper and lower edge."""


@dataclass(frozen=True)
class Caption:
    """The text next to the slice."""

    title: str
    verdict: str
    verdict_colour: Colour
    lines: Sequence[str]
    strip: Strip | None
    """Of a scored case."""
    notice: str
    """Empty where the signature has none."""
    footer: str
    measured_on: str = ""
    warnings: Sequence[str] = ()
    """Short texts of what affects the interpretation of the score."""
    details: Sequence[str] = ()
    """What moved the score most, and what was left out of the ring."""
    shorter: "Caption | None" = None
    """The same with less of what is in the report, too, for a slice with so much text beside it that it would be small.
    """


@dataclass(frozen=True)
class Window:
    """A part of the slice in voxels: left, upper, right and lower edge."""

    left: float
    upper: float
    right: float
    lower: float

    def box(self) -> tuple[float, float, float, float]:
        """Return the edges in Pillow's order."""
        return (self.left, self.upper, self.right, self.lower)


def draw(view: View, caption: Caption) -> Image.Image:
    """Return the key image in RGB."""
    picture = Image.new("RGB", (WIDTH, HEIGHT))
    window = _window(view)
    grey = _grey_levels(view.pixels, window)
    panel = _panel(view, grey, window)
    left = MARGIN + (PANEL - panel.width) // 2
    upper = BAND + (PANEL - panel.height) // 2
    picture.paste(panel, (left, upper))
    pen = ImageDraw.Draw(picture)
    _draw_edge_letters(pen, view.edge_letters, (left, upper, left + panel.width, upper + panel.height))
    _draw_scale(
        pen, panel.width / ((window.right - window.left) * view.pixel_spacing_mm[1]), left, upper + panel.height
    )
    caption, scale = _fitting(caption, view.outlines)
    left_over = BAND + PANEL - _draw_caption(pen, caption, view.outlines, scale)
    if left_over >= SMALLEST_INSET:
        _draw_inset(picture, view, grey, window, min(INSET, left_over))
    _draw_bands(pen, caption)
    return picture


def draw_words(caption: Caption) -> Image.Image:
    """Return the key image of a case without a slice to show: its words in the middle, in RGB."""
    picture = Image.new("RGB", (WIDTH, HEIGHT))
    pen = ImageDraw.Draw(picture)
    _draw_caption(pen, caption, (), 1.0, left=WORDS_SIDE, right=WORDS_SIDE)
    _draw_bands(pen, caption)
    return picture


def _draw_bands(pen: ImageDraw.ImageDraw, caption: Caption) -> None:
    _draw_band(pen, BAND // 2, caption.title, WHITE, 26)
    _draw_band(pen, BAND + PANEL + 20, caption.notice, AMBER, 22)
    _draw_band(pen, BAND + PANEL + 48, caption.footer, GREY, 18)


def _grey_levels(pixels: NDArray[np.generic], window: Window) -> NDArray[np.uint8]:
    """Return the slice in 256 grey levels, between the 1st and 99.8th percentile of the enlarged part."""
    values = np.asarray(pixels, dtype=np.float32)
    part = values[int(window.upper) : math.ceil(window.lower), int(window.left) : math.ceil(window.right)]
    low, high = np.percentile(part, [1.0, 99.8])
    scaled = (values - low) * (255.0 / max(float(high - low), 1e-6))
    greys: NDArray[np.uint8] = np.clip(scaled, 0, 255).astype(np.uint8)
    return greys


def _window(view: View) -> Window:
    """Return the window around the outlines, square in mm; shifted where it would extend beyond the slice."""
    shown = np.logical_or.reduce([outline.mask for outline in view.outlines])
    extents = []
    for axis, spacing_mm in ((1, view.pixel_spacing_mm[1]), (0, view.pixel_spacing_mm[0])):
        where = np.flatnonzero(shown.any(axis=1 - axis))
        extents.append((float(where[0]), float(where[-1]) + 1, spacing_mm, shown.shape[axis]))
    side_mm = max(MIN_VIEW_MM, *((last - first) * mm + 2 * CONTEXT_MM for first, last, mm, _ in extents))
    spans = []
    for first, last, spacing_mm, length in extents:
        size = min(side_mm / spacing_mm, float(length))
        start = min(max((first + last - size) / 2, 0.0), length - size)
        spans.append((start, start + size))
    (left, right), (upper, lower) = spans
    return Window(left, upper, right, lower)


def _panel(view: View, grey: NDArray[np.uint8], window: Window) -> Image.Image:
    """Return the enlarged window with the outlines, with the aspect ratio of the pixel spacing."""
    width_mm = (window.right - window.left) * view.pixel_spacing_mm[1]
    height_mm = (window.lower - window.upper) * view.pixel_spacing_mm[0]
    scale = PANEL / max(width_mm, height_mm)
    size = (max(1, round(width_mm * scale)), max(1, round(height_mm * scale)))
    panel = Image.fromarray(grey).resize(size, Image.Resampling.BICUBIC, box=window.box()).convert("RGB")
    for outline in reversed(view.outlines):
        panel.paste(outline.colour, mask=_outline(outline.mask, size, window))
    return panel


def _outline(mask: NDArray[np.bool_], size: tuple[int, int], window: Window) -> Image.Image:
    """Return the inner border of a mask at the size of the panel: along voxel edges, because voxels were measured."""
    enlarged = Image.fromarray(mask.astype(np.uint8) * 255).resize(size, Image.Resampling.NEAREST, box=window.box())
    inside = np.pad(np.asarray(enlarged) > 0, OUTLINE_WIDTH)
    core = inside.copy()
    for shift in (-OUTLINE_WIDTH, OUTLINE_WIDTH):
        core &= np.roll(inside, shift, 0) & np.roll(inside, shift, 1)
    width = slice(OUTLINE_WIDTH, -OUTLINE_WIDTH)
    return Image.fromarray((inside & ~core)[width, width])  # bits: a mask of bytes would be blended


def _draw_edge_letters(
    pen: ImageDraw.ImageDraw, letters: tuple[str, str, str, str], box: tuple[int, int, int, int]
) -> None:
    left, upper, right, lower = box
    middle_x, middle_y = (left + right) // 2, (upper + lower) // 2
    anchors = (
        (left + 8, middle_y, "lm"),
        (right - 8, middle_y, "rm"),
        (middle_x, upper + 8, "ma"),
        (middle_x, lower - 8, "md"),
    )
    for letter, (x, y, anchor) in zip(letters, anchors, strict=True):
        draw_text(pen, (x, y), letter, AMBER, 26, anchor, border=2)


def _draw_scale(pen: ImageDraw.ImageDraw, pixels_per_mm: float, left: int, lower: int) -> None:
    """Draw a scale bar of 1 cm."""
    x, y, length = left + 14, lower - 16, round(10 * pixels_per_mm)
    pen.line([(x, y), (x + length, y)], WHITE, 3)
    draw_text(pen, (x, y - 6), "1 cm", WHITE, 20, "ls", border=2)


def _fitting(caption: Caption, outlines: Sequence[Contour]) -> tuple[Caption, float]:
    """Return as much of the text as fits beside the slice, and the scale of its letters.

    The largest scale at which it fits, with the small slice where that costs little. Only the shortest text becomes
    smaller than `LEGIBLE`, down to the smallest scale.
    """
    scales = LEGIBLE if caption.shorter else TEXT_SCALES
    end = functools.cache(lambda scale: _draw_caption(None, caption, outlines, scale))
    with_inset = (scale for scale in SCALES_FOR_INSET if end(scale) + SMALLEST_INSET <= BAND + PANEL)
    fitting = (scale for scale in scales if end(scale) <= BAND + PANEL)
    scale = next(chain(with_inset, fitting), None)
    if scale is None and caption.shorter is not None:
        return _fitting(caption.shorter, outlines)
    return caption, scale or TEXT_SCALES[-1]


def _draw_caption(
    pen: ImageDraw.ImageDraw | None,
    caption: Caption,
    outlines: Sequence[Contour],
    scale: float,
    left: int = SIDE,
    right: int = MARGIN,
) -> int:
    """Draw the text, so many pixels from the left and right edges; return the vertical position of its end.

    Without a pen, the text is only laid out.
    """
    x, y = left, BAND
    width = WIDTH - left - right
    verdict, smallest, text, small = (round(size * scale) for size in (46, 36, 24, 20))
    while verdict > smallest and text_width(caption.verdict, verdict) > width:
        verdict -= 1
    y = _draw_lines(pen, caption.verdict, (x, y), width, verdict, caption.verdict_colour) + 8
    if caption.strip is not None:
        if pen is not None:
            draw_strip(pen, caption.strip, (x, y), width)
        y += STRIP_HEIGHT
    for line in caption.lines:
        y = _draw_lines(pen, line, (x, y), width, text, WHITE) + 5
    for words in caption.warnings:
        y = _draw_lines(pen, words, (x, y), width, text, AMBER) + 4
    y += 8
    for outline in outlines:
        if pen is not None:
            pen.rectangle([(x, y + 3), (x + small, y + 3 + small)], outline=outline.colour, width=4)
        y = _draw_lines(pen, outline.label, (x + small + 12, y), width - small - 12, small, WHITE) + 6
    for words in caption.details:
        y = _draw_lines(pen, words, (x, y), width, small, WHITE) + 4
    lowest = max(BAND + PANEL - INSET, min(y + 3 * small, BAND + PANEL))
    end = _draw_lines(pen, caption.measured_on, (x, y + 2), width, small, GREY, lowest=lowest)
    first_line = y + 2 + round(1.28 * small) if caption.measured_on else y
    return max(min(end, max(lowest, y)), first_line)


def _draw_lines(
    pen: ImageDraw.ImageDraw | None,
    text: str,
    corner: tuple[int, int],
    width: int,
    size: int,
    colour: Colour,
    lowest: int = HEIGHT,
) -> int:
    """Draw a text, wrapped to a width, as far as it ends above ``lowest``; return the position of the next line."""
    x, y = corner
    lines, step = _broken(text, width, size), round(size * 1.28)
    for at, line in enumerate(lines):
        if y + size > lowest:
            break
        is_cut = at + 1 < len(lines) and y + step + size > lowest
        if pen is not None:
            draw_text(pen, (x, y), _cut(line, width, size) if is_cut else line, colour, size)
        y += step
    return y


def _cut(line: str, width: int, size: int) -> str:
    """Return the beginning of a line that is left where the dots behind it have to fit, too."""
    while text_width(f"{line}...", size) > width:
        line = line[:-1]
    return f"{line.rstrip(', ')}..."


def _broken(text: str, width: int, size: int) -> list[str]:
    lines = [""]
    for word in _short_words(text, width, size):
        if lines[-1] and text_width((lines[-1] + word).rstrip(), size) > width:
            lines.append(word)
        else:
            lines[-1] += word
    return [unbound(line.rstrip()) for line in lines]


def _short_words(text: str, width: int, size: int) -> Iterator[str]:
    """Yield what a line is made of; words wider than a line are split."""
    for word in pieces(text):
        if text_width(word.rstrip(), size) <= width:
            yield word
            continue
        part = ""
        for letter in word:
            if part and text_width((part + letter).rstrip(), size) > width:
                yield part
                part = ""
            part += letter
        yield part


def _draw_inset(picture: Image.Image, view: View, grey: NDArray[np.uint8], window: Window, side: int) -> None:
    """Draw the whole slice as an inset that marks the enlarged part."""
    height_mm = view.pixels.shape[0] * view.pixel_spacing_mm[0]
    width_mm = view.pixels.shape[1] * view.pixel_spacing_mm[1]
    scale = side / max(height_mm, width_mm)
    size = (max(1, round(width_mm * scale)), max(1, round(height_mm * scale)))
    inset = Image.fromarray(grey).resize(size, Image.Resampling.BILINEAR).convert("RGB")
    by_row, by_column = scale * view.pixel_spacing_mm[0], scale * view.pixel_spacing_mm[1]
    corners = [
        (window.left * by_column, window.upper * by_row),
        (window.right * by_column - 1, window.lower * by_row - 1),
    ]
    ImageDraw.Draw(inset).rectangle(corners, outline=AMBER, width=2)
    picture.paste(inset, (WIDTH - MARGIN - inset.width, BAND + PANEL - inset.height))


def _draw_band(pen: ImageDraw.ImageDraw, y: int, text: str, colour: Colour, size: int) -> None:
    """Draw a line in the middle of a band, smaller and then shorter where it would reach a corner."""
    while size > SMALLEST_TEXT and text_width(text, size) > WIDTH - 2 * CORNER:
        size -= 1
    while text_width(text, size) > WIDTH - 2 * CORNER:
        text = f"{text.rstrip('.')[:-1]}..."
    if text:
        draw_text(pen, (WIDTH // 2, y), text, colour, size, "mm")
