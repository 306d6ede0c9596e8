"""The compiled engine under the compiler's sanitizers."""

import subprocess
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[4]


def test_random_regions_leave_the_sanitizers_silent() -> None:
    """1,000 regions, some without a voxel, with values that are no number, or beyond the numbers of grey levels.

    No access beyond an array, no overflow, no cast of what does not fit. `make sanitize SECONDS=3600` takes an hour.
    """
    command = ["make", "-s", "sanitize", "SECONDS=800", "TARGET=feature_engine", "INPUTS=1000"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    measured, refused = (int(part.split()[0]) for part in done.stdout.splitlines()[-1].split(", "))
    assert measured + refused == 1000
    assert min(measured, refused) > 100
