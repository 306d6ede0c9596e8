"""All aims of speed and memory in one table; exits with 1 where one is missed or cannot be measured.

    OMP_NUM_THREADS=1 .venv/bin/python benchmarks/table.py [--rounds 5] [--only engine filters ...]

Every row states what it is compared with: a peer measured in the same run, or the first release, whose seconds are
scaled by a yardstick (see `parts.py`). Ratios are compared with the aims, as machines differ; where an aim is an
amount, such as seconds, that amount is enough as well (column "or").
"""

import argparse
import importlib
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before NumPy is imported

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from aims import HEADER, print_rows

PARTS = ("engine", "instructions", "filters", "parts", "growth", "commands", "service", "study", "ingest")


def main() -> int:
    """Run the parts one after the other."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    arguments = parser.parse_args()
    print(f"medians of {arguments.rounds} rounds; load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores\n{HEADER}")
    met = [print_rows(importlib.import_module(part).rows(arguments.rounds)) for part in arguments.only]
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main())
