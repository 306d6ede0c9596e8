"""`make install` from nothing, with stand-ins for Python and the installer: each long step is announced first."""

import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
PYTHON = """#!/bin/sh
case "$*" in
*sys.prefix*|*base_prefix*) echo "Python 3.11.9 of /opt/python" ;;
"-c "*) ;;
"-m venv"*)
    for venv; do :; done
    mkdir -p "$venv/bin"; touch "$venv/pyvenv.cfg"; cp "$0" "$venv/bin/python"; echo "ran venv" ;;
"-m pip"*) printf '#!/bin/sh\\necho "ran uv $*"\\n' > "${0%python}uv"; chmod +x "${0%python}uv"; echo "ran pip" ;;
esac
"""


def test_each_step_says_what_it_does_before_it_does_it(tmp_path: Path) -> None:
    """Without a terminal, as in the log of a build: whoever waits sees for what."""
    python = tmp_path / "python3.11"
    python.write_text(PYTHON)
    python.chmod(0o755)
    ran = subprocess.run(
        ["make", "--no-print-directory", "install", f"VENV={tmp_path / 'venv'}", f"PYTHON={python}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    said = [" ".join(line.split()[:2]) if line.startswith("ran ") else line for line in ran.stdout.splitlines()]
    assert said == [
        f"making a virtual environment in {tmp_path / 'venv'}",
        "ran venv",
        "installing the installer (uv)",
        "ran pip",
        "installing what radtme runs on",
        "ran uv",
        "compiling and installing radtme",
        "ran uv",
    ]
