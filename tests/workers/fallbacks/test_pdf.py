"""The PDF writer: any text it gets is in the document."""

import shutil
import subprocess
from pathlib import Path

import pytest

from workers.fallbacks.pdf import Page, Run, write_pdf


@pytest.mark.skipif(shutil.which("pdftotext") is None, reason="needs poppler-utils")
def test_half_a_surrogate_pair_does_not_cost_the_document(tmp_path: Path) -> None:
    """Wrong bytes of a header can become one: the other letters are there, in the title and on the page."""
    file = tmp_path / "a.pdf"
    file.write_bytes(write_pdf("Report of \udcc4rzte", [Page([Run("Volume \ud83d 12.3 mL", 50, 50, 9)])], 595, 842))
    shown = subprocess.run(["pdftotext", str(file), "-"], capture_output=True, text=True, check=True).stdout
    told = subprocess.run(["pdfinfo", str(file)], capture_output=True, text=True, check=True).stdout
    assert "Volume ? 12.3 mL" in shown
    assert "Report of ?rzte" in told
