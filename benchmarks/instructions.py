"""Instructions of the feature engine on random regions, counted by valgrind: the same whatever the load.

The program is that of `make sanitize`, without sanitizers. The count depends on the compiler: the recorded one is that
of Debian 12's g++ 12.2.
"""

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from aims import CannotBeMeasured, Row

ROOT = Path(__file__).resolve().parents[1]
REGIONS, SEED = 300, 15
RECORDED = 399.4
"""Millions of instructions on 1 December 2026."""
ALLOWED = 0.97
"""The least ratio of the recorded count to the new one: 3 % more instructions are an alarm."""
FLAGS = ("-std=c++17", "-O3", "-ffp-contract=off", "-fno-strict-aliasing")


def rows(rounds: int) -> Iterator[Row]:
    """Count once, whatever the ``rounds``: each count is the same."""
    if shutil.which("valgrind") is None:
        raise CannotBeMeasured("instructions of the engine: valgrind is not installed (apt-get install valgrind)")
    with tempfile.TemporaryDirectory(prefix="radtme-instructions-") as folder:
        program = Path(folder) / "feature_engine"
        source = ("-I", str(ROOT / "workers/features/engine/source"), str(ROOT / "tests/fuzz/feature_engine.cpp"))
        subprocess.run(("g++", *FLAGS, *source, "-o", str(program)), check=True)
        valgrind = ("valgrind", "--tool=callgrind", "--toggle-collect=*measure*", f"--callgrind-out-file={folder}/out")
        run = (str(program), "3600", str(REGIONS), str(SEED))
        done = subprocess.run((*valgrind, *run), capture_output=True, text=True, check=True)
    found = re.search(r"Collected : (\d+)", done.stderr)
    if found is None:
        raise SystemExit(f"valgrind counted nothing: {done.stderr[-500:]}")
    yield Row(f"instructions of the engine, {REGIONS} random regions", RECORDED, int(found[1]) / 1e6, "M", ALLOWED)
