"""The compiled pass over headers under the compiler's sanitizers."""

import subprocess
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[3]


def test_random_headers_leave_the_sanitizers_silent() -> None:
    """5,000 headers, half of them damaged: every other one is read whole, and no byte beyond the file is read.

    `make sanitize SECONDS=3600 TARGET=headers` takes an hour.
    """
    command = ["make", "-s", "sanitize", "SECONDS=800", "TARGET=headers", "INPUTS=5000"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    read, refused = (int(part.split()[0]) for part in done.stdout.splitlines()[-1].split(", "))
    assert read + refused == 5000
    assert read >= 2500
    assert refused > 1000
