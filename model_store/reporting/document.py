"""A small document that becomes Markdown and HTML with the same content: paragraphs, tables, lists, figures."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jinja2 import Environment, StrictUndefined

PIXELS_PER_INCH = 110
"""Of a figure on a page: letters of 7 points can be read, and figures of 4 inches lie in pairs."""
MAX_NUMBER_LENGTH = 24
"""Characters of a number with its interval: 0.83 (0.73 to 0.91)."""


@dataclass(frozen=True)
class Block:
    """A block of a section. Exactly one of the fields is set."""

    text: str = ""
    rows: tuple[tuple[str, ...], ...] = ()
    """A table; the first row is its head (of empty cells where it needs none)."""
    items: tuple[str, ...] = ()
    """A numbered list of names, as code."""
    figure: tuple[str, str] | None = None
    """File name and caption."""
    notice: bool = False
    """The text is shown as a notice."""
    links: tuple[tuple[str, str], ...] = ()
    """Words and the file that they lead to, relative to the document."""


@dataclass(frozen=True)
class Section:
    """A heading with its content; the heading of the first section is the document's title."""

    title: str
    blocks: tuple[Block, ...]


def pairs(values: Mapping[str, Any]) -> Block:
    """Return a table of names and values."""
    return Block(rows=(("", ""), *((name.replace("_", " "), cell(value)) for name, value in values.items())))


def cell(value: Any) -> str:
    """Return a value as a table shows it; parts of a nested one are separated by semicolons."""
    if isinstance(value, Mapping):
        return "; ".join(f"{name}: {cell(item)}" for name, item in value.items()) or "none"
    if isinstance(value, list | tuple):
        return ", ".join(map(cell, value)) or "none"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def to_markdown(sections: Sequence[Section]) -> str:
    """Return the document as Markdown; figures lie beside it."""
    parts: list[str] = []
    for level, section in enumerate(sections):
        parts.append(f"{'##' if level else '#'} {section.title}")
        parts.extend(map(_markdown, section.blocks))
    return "\n\n".join(parts) + "\n"


def _markdown(block: Block) -> str:
    if block.rows:
        lines = [
            "| " + " | ".join(part.replace("|", "\\|").replace("\n", " ") for part in row) + " |" for row in block.rows
        ]
        return "\n".join([lines[0], "|" + "---|" * len(block.rows[0]), *lines[1:]])
    if block.links:
        return ", ".join(f"[{words}]({file})" for words, file in block.links)
    if block.items:
        return "\n".join(f"1. `{item}`" for item in block.items)
    if block.figure:
        return f"![{block.figure[1]}]({block.figure[0]})"
    return f"**{block.text}**" if block.notice else block.text


def to_html(sections: Sequence[Section], figures: Mapping[str, bytes]) -> bytes:
    """Return the document as one self-contained HTML file, figures included."""
    pictures = {name: (base64.b64encode(content).decode(), _shown_width(content)) for name, content in figures.items()}
    page = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    page.tests["short_number"] = _is_short_number
    return page.from_string(_PAGE).render(sections=sections, pictures=pictures).encode()


def _shown_width(png: bytes) -> int | None:
    """Return how many pixels of a page a PNG is wide, by the resolution that it states; None where it states none."""
    at = png.find(b"pHYs")
    if at < 0 or len(png) < 24:
        return None
    pixels, per_metre = (int.from_bytes(png[begin : begin + 4], "big") for begin in (16, at + 4))
    return round(pixels / (per_metre * 0.0254) * PIXELS_PER_INCH)


def _is_short_number(part: str) -> bool:
    """Return whether a cell is a number, with its interval or exponent, that must not break across lines."""
    return len(part) <= MAX_NUMBER_LENGTH and part.lstrip("<>=-\u2212+ ")[:1].isdigit()


_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<title>{{ sections[0].title }}</title>
<style>
body { font: 15px/1.5 system-ui, "DejaVu Sans", sans-serif; color: #1b1b1b; max-width: 62rem; margin: 2rem auto;
  padding: 0 1rem }
h1 { font-size: 1.7rem; margin-bottom: .3rem }
h2 { font-size: 1.2rem; border-bottom: 1px solid #ccc; margin-top: 2.2rem }
table { border-collapse: collapse; width: 100%; margin: .8rem 0; font-size: .88rem }
td, th { border-bottom: 1px solid #e2e2e2; padding: .3rem .6rem; text-align: left; vertical-align: top;
  overflow-wrap: break-word }
th { background: #f4f4f4 }
.number { white-space: nowrap }
.wide { overflow-x: auto }
.notice { background: #fdecea; border-left: 5px solid #b5403a; padding: .6rem .9rem; font-weight: 600 }
figure { display: inline-block; margin: .6rem 1rem .6rem 0; max-width: 100%; vertical-align: top }
img { max-width: 100%; height: auto }
figcaption { font-size: .82rem; color: #555 }
code { font-size: .82rem }
h2 { break-after: avoid }
figure, tr { break-inside: avoid }
tr:first-child { break-after: avoid }
@media print {
  body { max-width: none; margin: 0; padding: 0 }
  .wide { overflow: visible }
  table { font-size: .64rem }
  td, th { padding: .15rem .3rem }
  .number { white-space: normal }
  .whole { white-space: nowrap }
  img { max-height: 23cm; object-fit: contain; object-position: left }
}
</style>
</head>
<body>
{% for section in sections %}
{% if loop.first %}<h1>{{ section.title }}</h1>{% else %}<h2 id="s{{ loop.index }}">{{ section.title }}</h2>{% endif %}
{% if loop.first and sections | length > 3 %}
<nav><ul>
{% for other in sections[1:] %}<li><a href="#s{{ loop.index + 1 }}">{{ other.title }}</a></li>
{% endfor %}
</ul></nav>
{% endif %}

{% for block in section.blocks %}
{% if block.rows %}
<div class="wide"><table>
{% if block.rows[0] | select | list %}
<tr>{% for part in block.rows[0] %}<th>{{ part }}</th>{% endfor %}</tr>
{% endif %}
{% for row in block.rows[1:] %}
<tr>{% for part in row %}
<td{% if part is short_number %} class="{{ "number" if " " in part else "number whole" }}"{% endif %}>{{ part }}</td>
{% endfor %}</tr>
{% endfor %}
</table></div>
{% elif block.links %}
<p>{% for words, file in block.links %}<a href="{{ file }}">{{ words }}</a>{{ ", " if not loop.last }}{% endfor %}</p>
{% elif block["items"] %}
<ol>{% for item in block["items"] %}<li><code>{{ item }}</code></li>{% endfor %}</ol>
{% elif block.figure %}
{% set picture, width = pictures[block.figure[0]] %}
<figure><img{% if width %} width="{{ width }}"{% endif %} alt="{{ block.figure[1] }}"
src="data:image/png;base64,{{ picture }}">
<figcaption>{{ block.figure[1] }}</figcaption></figure>
{% elif block.notice %}
<p class="notice">{{ block.text }}</p>
{% else %}
<p>{{ block.text }}</p>
{% endif %}
{% endfor %}
{% endfor %}
</body>
</html>
"""
