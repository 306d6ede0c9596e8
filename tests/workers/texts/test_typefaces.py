"""What is drawn for people can be read, whatever the machine has installed."""

import pytest

from workers.texts.typefaces import font_file, pixel_font

MISSING = "\U0010fffd"
"""A code point that no font has: drawn as the sign for a missing letter."""


@pytest.mark.parametrize("bold", [False, True])
@pytest.mark.parametrize("letter", "Aäřłøşĳ²³µ°±≥≤÷Ωσж№")
def test_the_typeface_has_the_letters_of_labels_and_units(letter: str, bold: bool) -> None:
    """European letters, Greek, Cyrillic and the signs that measurements need are drawn as themselves."""
    face = pixel_font(20, bold=bold)
    assert bytes(face.getmask(letter)) != bytes(face.getmask(MISSING))


def test_its_licence_lies_beside_the_typeface() -> None:
    """Both notices that the licence of Bitstream Vera and Arev asks for go wherever the files go."""
    text = (font_file().parent / "LICENSE").read_text()
    assert "Bitstream Vera Fonts Copyright" in text
    assert "Arev Fonts Copyright" in text
