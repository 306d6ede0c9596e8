"""Text as pages."""

import shutil
import subprocess
from pathlib import Path

import pytest

from workers.fallbacks.text_pages import Document, Line, as_pdf


@pytest.mark.skipif(shutil.which("pdftotext") is None, reason="needs poppler-utils")
def test_a_line_never_ends_between_a_number_and_its_unit(tmp_path: Path) -> None:
    """Whatever the words before it; the text itself has plain spaces, so that a search finds it."""
    file = tmp_path / "document.pdf"
    file.write_bytes(as_pdf(Document("title", "", [Line(f"{'i' * length} 5.1 mL, series 2") for length in range(98)])))
    shown = subprocess.run(["pdftotext", "-layout", str(file), "-"], capture_output=True, text=True, check=True).stdout
    lines = [line.strip() for line in shown.splitlines()]
    assert not [line for line in lines if line.startswith("mL") or line.endswith("series")]
    assert len([line for line in lines if "5.1 mL" in line]) == 98
