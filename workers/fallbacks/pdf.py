"""Text and pictures at fixed places as a PDF: fonts embedded, text searchable, the same content always the same bytes.

Matplotlib can do this too, but looks at each letter several times: a feature report took it ten seconds.
"""

import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO

import numpy as np
from fontTools import subset
from fontTools.ttLib import TTFont
from numpy.typing import NDArray

from workers.results.typefaces import font_file

FACES = {False: "DejaVuSans", True: "DejaVuSans-Bold"}
"""By whether it is bold."""
UNITS = 1000
"""Of an em, in which PDF gives widths (ISO 32000-1, 9.2.4)."""
SYMBOLIC = 4
"""Flag of a font descriptor: has letters outside the standard Latin set."""


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
    """Pixels as rows, columns, RGB, and where they go: lower left corner, width and height in points."""

    pixels: NDArray[np.uint8]
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Page:
    """What stands on one page; the picture is drawn first."""

    runs: Sequence[Run]
    picture: Picture | None = None


@lru_cache(maxsize=len(FACES))
def _letters(bold: bool) -> dict[int, int]:
    """Return the glyph of each code point that a face has."""
    font = _font(bold)
    return {code: font.getGlyphID(name) for code, name in font.getBestCmap().items()}


def _font(bold: bool) -> TTFont:
    return TTFont(font_file(bold=bold), lazy=True, recalcTimestamp=False)


class _File:
    """Objects of a PDF file, numbered as they come."""

    def __init__(self) -> None:
        self._objects: list[bytes] = []

    def add(self, content: bytes | str = b"") -> int:
        """Add an object; return its number."""
        self._objects.append(content.encode() if isinstance(content, str) else content)
        return len(self._objects)

    def put(self, number: int, content: str) -> None:
        """Fill an object that was added empty."""
        self._objects[number - 1] = content.encode()

    def stream(self, content: bytes, entries: str = "") -> int:
        """Add a compressed stream."""
        packed = zlib.compress(content)
        head = f"<< /Length {len(packed)} /Filter /FlateDecode {entries}>>\nstream\n"
        return self.add(head.encode() + packed + b"\nendstream")

    def written(self, root: int, info: int) -> bytes:
        """Return the file."""
        out = bytearray(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
        places = []
        for number, content in enumerate(self._objects, 1):
            places.append(len(out))
            out += b"%d 0 obj\n" % number + content + b"\nendobj\n"
        start, count = len(out), len(places) + 1
        out += b"xref\n0 %d\n0000000000 65535 f \n" % count + b"".join(b"%010d 00000 n \n" % place for place in places)
        out += b"trailer\n<< /Size %d /Root %d 0 R /Info %d 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (
            count,
            root,
            info,
            start,
        )
        return bytes(out)


def write_pdf(title: str, pages: Sequence[Page], width: float, height: float) -> bytes:
    """Return a PDF of these pages, all of one size in points."""
    file = _File()
    catalog, tree = file.add(), file.add()
    info = file.add(f"<< /Title <{_utf16(title, mark=True)}> /Creator (radtme) /Producer (radtme) >>")
    used = {bold: {ord(letter) for page in pages for run in page.runs if run.bold is bold for letter in run.text}
            for bold in FACES}  # fmt: skip
    fonts = " ".join(f"/{_name(bold)} {_add_font(file, bold, codes)} 0 R" for bold, codes in used.items() if codes)
    kids = []
    for page in pages:
        content = "\n".join(map(_shown, page.runs))
        resources = f"/Font << {fonts} >>"
        if page.picture is not None:
            content = f"{_placed(page.picture)}\n{content}"
            resources += f" /XObject << /Picture {_add_picture(file, page.picture.pixels)} 0 R >>"
        stream = file.stream(content.encode())
        box = f"/MediaBox [0 0 {width:.2f} {height:.2f}]"
        body = f"/Parent {tree} 0 R {box} /Contents {stream} 0 R /Resources << {resources} >>"
        kids.append(file.add(f"<< /Type /Page {body} >>"))
    file.put(catalog, f"<< /Type /Catalog /Pages {tree} 0 R >>")
    file.put(tree, f"<< /Type /Pages /Count {len(kids)} /Kids [{' '.join(f'{kid} 0 R' for kid in kids)}] >>")
    return file.written(catalog, info)


def _name(bold: bool) -> str:
    return "Bold" if bold else "Regular"


def _utf16(text: str, *, mark: bool = False) -> str:
    return (("\ufeff" if mark else "") + text).encode("utf-16-be").hex()


def _shown(run: Run) -> str:
    """Return the operators that show a run; a letter that the face lacks is its glyph 0, an empty box."""
    letters = _letters(run.bold)
    glyphs = "".join(f"{letters.get(ord(letter), 0):04x}" for letter in run.text)
    colour = " ".join(f"{part:.3f}" for part in run.colour)
    return f"BT /{_name(run.bold)} {run.size:g} Tf {colour} rg {run.x:.2f} {run.y:.2f} Td <{glyphs}> Tj ET"


def _placed(picture: Picture) -> str:
    return f"q {picture.width:.2f} 0 0 {picture.height:.2f} {picture.x:.2f} {picture.y:.2f} cm /Picture Do Q"


def _add_picture(file: _File, pixels: NDArray[np.uint8]) -> int:
    rows, columns = pixels.shape[:2]
    entries = "/Type /XObject /Subtype /Image /ColorSpace /DeviceRGB /BitsPerComponent 8 "
    return file.stream(pixels.tobytes(), f"{entries}/Width {columns} /Height {rows} ")


def _add_font(file: _File, bold: bool, codes: Iterable[int]) -> int:
    """Embed the letters that are used of a face (ISO 32000-1, 9.7: a composite font, its codes are glyph numbers)."""
    font, letters = _font(bold), _letters(bold)
    glyphs = {letters[code]: code for code in sorted(codes) if code in letters}
    scale = UNITS / font["head"].unitsPerEm
    advances = [font["hmtx"][font.getGlyphName(glyph)][0] * scale for glyph in glyphs]
    widths = " ".join(f"{glyph} [{width:.0f}]" for glyph, width in zip(glyphs, advances, strict=True))
    head, metrics = font["head"], font["hhea"]
    box = " ".join(f"{edge * scale:.0f}" for edge in (head.xMin, head.yMin, head.xMax, head.yMax))
    program = _subset(font, list(glyphs.values()))
    stream = file.stream(program, f"/Length1 {len(program)} ")
    # Six letters before the name say that it is a subset (9.6.4).
    name = f"RADTME+{FACES[bold]}"
    descriptor = file.add(
        f"<< /Type /FontDescriptor /FontName /{name} /Flags {SYMBOLIC} /FontBBox [{box}] /ItalicAngle 0 /StemV 80 "
        f"/Ascent {metrics.ascent * scale:.0f} /Descent {metrics.descent * scale:.0f} /CapHeight 730 "
        f"/FontFile2 {stream} 0 R >>"
    )
    descendant = file.add(
        f"<< /Type /Font /Subtype /CIDFontType2 /BaseFont /{name} /FontDescriptor {descriptor} 0 R /W [{widths}] "
        "/CIDSystemInfo << /Registry (Adobe) /Ordering (Identity) /Supplement 0 >> /CIDToGIDMap /Identity >>"
    )
    unicode = file.stream(_to_unicode(glyphs).encode())
    return file.add(
        f"<< /Type /Font /Subtype /Type0 /BaseFont /{name} /Encoding /Identity-H /DescendantFonts [{descendant} 0 R] "
        f"/ToUnicode {unicode} 0 R >>"
    )


def _subset(font: TTFont, codes: list[int]) -> bytes:
    """Return the font with these letters only, each under the number that it had."""
    options = subset.Options()
    options.retain_gids, options.notdef_outline, options.hinting, options.layout_closure = True, True, False, False
    options.layout_features, options.name_IDs, options.recalc_timestamp = [], [], False
    options.drop_tables = [*options.drop_tables, "GSUB", "GPOS", "GDEF", "kern", "FFTM", "post", "OS/2", "name"]
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=codes)
    subsetter.subset(font)
    buffer = BytesIO()
    font.save(buffer)
    return buffer.getvalue()


def _to_unicode(glyphs: dict[int, int]) -> str:
    """Return what letter each glyph stands for, for those who search or copy (9.10.3)."""
    pairs = [f"<{glyph:04x}> <{_utf16(chr(code))}>" for glyph, code in glyphs.items()]
    blocks = [pairs[start : start + 100] for start in range(0, len(pairs), 100)]
    maps = "\n".join(f"{len(block)} beginbfchar\n" + "\n".join(block) + "\nendbfchar" for block in blocks)
    return (
        "/CIDInit /ProcSet findresource begin\n12 dict begin\nbegincmap\n"
        "/CIDSystemInfo << /Registry (Adobe) /Ordering (UCS) /Supplement 0 >> def\n"
        "/CMapName /Adobe-Identity-UCS def\n/CMapType 2 def\n1 begincodespacerange\n<0000> <ffff>\nendcodespacerange\n"
        f"{maps}\nendcmap\nCMapName currentdict /CMap defineresource pop\nend\nend\n"
    )
