"""What grows with a cohort: the tables of an extraction, and one fold of a training. CPU seconds, and memory at most.

    python benchmarks/large_cohort.py                    60, 1,500 (MAMA-MIA) and 5,000 cases
    python benchmarks/large_cohort.py --cases 60 500

Measuring a case costs the same whichever number it has (`cohort.py`). Here the results of one measured phantom, with
noise on its features, stand for those of all cases: they are read back and become tables, as after the last case of an
extraction. The fold is one of the 25 outer folds of the default plan, with all its candidates of the published kind,
on 958 columns of noise. Each is a process of its own.
"""

import argparse
import json
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before NumPy is imported

import re
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(REPOSITORY)]

from deploy.cohort.cases import OutlineCase  # noqa: E402
from deploy.cohort.feature_tables import MeasuredOutline, cohort_tables  # noqa: E402
from deploy.cohort.measure import MeasuringTask, kept_result, measure_case  # noqa: E402
from deploy.simulation.phantom import write_phantom  # noqa: E402
from model_store.cohort.feature_table import FeatureTable  # noqa: E402
from model_store.reporting.step_output import write_table  # noqa: E402
from model_store.signatures.profile import DEFAULT_PROFILE  # noqa: E402
from model_store.training.model_families import FOREST  # noqa: E402
from model_store.training.nested_cross_validation import evaluate_fold, outer_folds  # noqa: E402
from workers.features.extraction import columns  # noqa: E402

SMALL = {"slices": 24, "rows": 96, "columns": 96, "spacing_mm": (2.5, 1.5, 1.5), "tumour_diameter_mm": 18.0}


def tasks_of(cases: int, folder: Path) -> list[MeasuringTask]:
    """Return the tasks of a cohort, each patient with one outline."""
    found = []
    for number in range(cases):
        case = OutlineCase(f"case {number}", f"P{number}", (), "", f"study {number}", f"series {number}")
        found.append(MeasuringTask(replace(case, site="site", scanner="scanner"), DEFAULT_PROFILE, folder, "same"))
    return found


def write_results(cases: int, folder: Path) -> None:
    """Measure one phantom, and write its result with noise for every case."""
    phantom = write_phantom(folder / "dicom", 1, **SMALL)
    images = tuple(str(path) for phase in phantom.image_paths for path in phase)
    measured = MeasuringTask(OutlineCase("one", "one", images, str(phantom.seg_path)), DEFAULT_PROFILE, folder, "same")
    reason = measure_case(measured)
    assert not reason, reason
    result, rng = json.loads(measured.path.read_bytes()), np.random.default_rng(1)
    names, values = list(result["features"]), np.array(list(result["features"].values()))
    for task in tasks_of(cases, folder):
        noisy = values * (1 + 0.1 * rng.standard_normal(len(values)))
        result["features"] = dict(zip(names, noisy.tolist(), strict=True))
        task.path.write_text(json.dumps(result))


def tables(cases: int, folder: Path) -> None:
    """Read the results of all cases, and write the tables."""
    measured = [MeasuredOutline(task.case, kept_result(task) or {"reason": "lost"}) for task in tasks_of(cases, folder)]
    found = cohort_tables(measured, DEFAULT_PROFILE)
    assert (found.features["reason"] == "").all()
    assert len(found.features) == cases
    for name in ("features", "outlines"):
        write_table(folder / "out", name, getattr(found, name))


def fold(cases: int, folder: Path) -> None:
    """Evaluate one outer fold."""
    rng, names = np.random.default_rng(1), tuple(columns(DEFAULT_PROFILE))
    patients = tuple(f"P{number}" for number in range(cases))
    table = FeatureTable(names, rng.normal(size=(cases, len(names))), np.arange(cases) % 3 == 0, patients)
    evaluate_fold((table, outer_folds(table, 1, 1)[0], FOREST))


WORK = {"tables": tables, "fold": fold}


def child(what: str, cases: int, folder: Path) -> None:
    """Do one piece of work, and print its CPU seconds and the most memory of the process, in MiB."""
    began = time.process_time()
    WORK[what](cases, folder)
    status = Path("/proc/self/status").read_text()  # ru_maxrss would count what the parent had before exec, too
    memory = int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) / 1024
    print(f"{time.process_time() - began:.1f} {memory:.0f}")


def main() -> None:
    """Print a row for each number of cases."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, nargs="+", default=[60, 1500, 5000])
    parser.add_argument("--child", nargs=2, metavar=("WHAT", "FOLDER"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        child(options.child[0], options.cases[0], Path(options.child[1]))
        return
    print(f"load (1 minute): {os.getloadavg()[0]:.1f}")
    print("| cases | tables: CPU s | MiB | one fold: CPU s | MiB |\n|---|---|---|---|---|")
    for cases in options.cases:
        with tempfile.TemporaryDirectory(prefix="radtme-large-") as name:
            write_results(cases, Path(name))
            told = []
            for what in WORK:
                command = [sys.executable, __file__, "--cases", str(cases), "--child", what, name]
                told += subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
        print("| " + " | ".join([f"{cases:,}", *told]) + " |", flush=True)


if __name__ == "__main__":
    main()
