"""What is drawn for people can be read, whatever the machine has installed."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from workers.texts.drawn_text import draw_text, text_width
from workers.texts.letters import is_east_asian
from workers.texts.typefaces import font_file, pixel_font

MISSING = "\U0010fffd"
"""A code point that no font has: drawn as the sign for a missing letter."""


@pytest.mark.parametrize("bold", [False, True])
@pytest.mark.parametrize("letter", "Aäřłøşĳ²³µ°±≥≤÷Ωσж№")
def test_the_typeface_has_the_letters_of_labels_and_units(letter: str, bold: bool) -> None:
    """European letters, Greek, Cyrillic and the signs that measurements need are drawn as themselves."""
    face = pixel_font(20, bold=bold)
    assert bytes(face.getmask(letter)) != bytes(face.getmask(MISSING))


@pytest.mark.parametrize("letter", "肿瘤かカ한\uff0c\uff08")
def test_letters_of_chinese_japanese_and_korean_are_drawn(letter: str) -> None:
    """In reports of a Chinese site, and in patients' names and labels of any."""
    face = pixel_font(20, east_asian=True)
    assert is_east_asian(letter)
    assert bytes(face.getmask(letter)) != bytes(face.getmask(MISSING))


def test_mixed_text_stands_on_one_line_where_its_anchor_says() -> None:
    """Letters of both typefaces share the baseline; the widths add up."""
    picture = Image.new("L", (400, 60))
    draw_text(ImageDraw.Draw(picture), (200, 30), "AB 肿瘤 12", (255,), 20, "mm")
    rows, columns = np.nonzero(np.asarray(picture))
    assert (columns.min() + columns.max()) / 2 == pytest.approx(200, abs=3)
    assert np.ptp(columns) == pytest.approx(text_width("AB 肿瘤 12", 20), abs=6)
    assert (rows.min() + rows.max()) / 2 == pytest.approx(30, abs=4)


def test_its_licence_lies_beside_the_typeface() -> None:
    """Both notices that the licence of Bitstream Vera and Arev asks for go wherever the files go."""
    text = (font_file().parent / "LICENSE").read_text()
    assert "Bitstream Vera Fonts Copyright" in text
    assert "Arev Fonts Copyright" in text
    assert "Apache License" in (font_file().parent / "LICENSE-Droid").read_text()
