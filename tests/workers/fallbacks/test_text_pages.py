"""Text as pages."""

import shutil
import subprocess
from pathlib import Path

import pytest

from workers.fallbacks.text_pages import HANGING, LETTERS, Document, Line, _columns, _parts, _wrapped, as_pdf
from workers.texts.line_breaks import pieces


@pytest.mark.skipif(shutil.which("pdftotext") is None, reason="needs poppler-utils")
def test_a_line_never_ends_between_a_number_and_its_unit(tmp_path: Path) -> None:
    """Whatever the words before it; the text itself has plain spaces, so that a search finds it."""
    file = tmp_path / "document.pdf"
    file.write_bytes(as_pdf(Document("title", "", [Line(f"{'i' * length} 5.1 mL, series 2") for length in range(98)])))
    shown = subprocess.run(["pdftotext", "-layout", str(file), "-"], capture_output=True, text=True, check=True).stdout
    lines = [line.strip() for line in shown.splitlines()]
    assert not [line for line in lines if line.startswith("mL") or line.endswith("series")]
    assert len([line for line in lines if "5.1 mL" in line]) == 98


def test_lines_of_chinese_are_full_and_never_too_wide() -> None:
    """A letter is two columns wide; numbers and Latin words in between were counted as wide, too."""
    about = "影像组学评分为 0.440\uff0c比热肿瘤阈值高 0.028\uff0c但重新勾画轮廓后评分为 0.300 至 0.600"
    text = f"结论\uff1a不确定\uff0c倾向于热\uff1a{about}" * 3
    lines = [line.text for line in _wrapped(Line(text))]
    assert all(LETTERS - 12 < _columns(line) <= LETTERS for line in lines[:-1])
    assert _columns(lines[-1]) <= LETTERS
    assert all(line.startswith(HANGING) for line in lines[1:])
    assert "".join(line.strip() for line in lines).replace(" ", "") == text.replace(" ", "")
    assert not any(line.strip()[0] in "\uff0c\uff1a" for line in lines)


def test_a_long_word_beside_chinese_stays_on_the_page() -> None:
    """It is broken as in other texts: what lies beyond the margin cannot be read."""
    word = "1.2.3.4." * 30
    lines = [line.text for line in _wrapped(Line(f"肿瘤 {word}"))]
    assert max(map(_columns, lines)) <= LETTERS
    assert "".join(line.strip() for line in lines) == f"肿瘤{word}"


def test_a_heading_stays_with_what_follows_it() -> None:
    """It goes to the next page, with a heading above it; of headings alone, none is lost."""
    lines = [Line(str(number), bold=number in (3, 4, 8)) for number in range(12)]
    parts = [[line.text for line in part] for part in _parts(lines, 5, 4)]
    assert parts == [["0", "1", "2"], ["3", "4", "5", "6"], ["7", "8", "9", "10"], ["11"]]
    headings = [Line(str(number), bold=True) for number in range(6)]
    assert [line for part in _parts(headings, 3, 2) for line in part] == headings


def test_a_number_stays_with_the_chinese_word_before_it() -> None:
    """Series 3 was broken before its number."""
    assert pieces("第 2 期\uff0c序列 3") == ["第\u00a02 ", "期\uff0c", "序", "列\u00a03"]
