"""Single parts of a case, each in this process: headers, prediction, start of a worker, whole cases.

The first release's seconds were measured on another day. They are scaled by what a yardstick takes now, in turn with
each part: the check of the structure and pydicom's reader on 160 headers, which took 0.184 s of CPU then.
"""

import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from statistics import median

import SimpleITK as sitk
from aims import Row, cpu_seconds
from generated_study import StudyFiles, write_study
from pydicom import dcmread
from study import CpuSeconds, ours

from listener.dicom.part10 import check_stored
from model_store.signatures.bundle import load_bundle
from model_store.signatures.canary import from_npz
from model_store.signatures.registry import shipped_bundle
from workers.images.headers import read_image_headers
from workers.limits import LIMITS

YARDSTICK_SECONDS = 0.184
BR06 = Path(__file__).resolve().parents[2] / "shared" / "data" / "breast_dce_ucsf_br06"
HEADERS = {3: (0.8, 0.1), 6: (1.8, 0.2), 10: (2.9, 0.3)}
"""Seconds before, and to reach, by the number of phases of 160 images."""
CASES = {20.0: (2.08, 4.0), 40.0: (4.28, 6.0), 60.0: (10.4, 9.0)}
"""Seconds from ready to written before, and how many times less to reach, by the diameter of the tumour in mm."""
BR06_CASE = (9.65, 10.0)
IMPORTS = "import workers.jobs.app; from workers.jobs.preloading import load_libraries; load_libraries()"
START = f"import gc; gc.set_threshold(50_000, 20, 100); {IMPORTS}; import time; print(time.process_time())"


def rows(rounds: int = 5) -> Iterator[Row]:
    """Measure each part."""
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    with tempfile.TemporaryDirectory(prefix="radtme-parts-") as name:
        files = write_study(Path(name))
        beside = Yardstick(files, rounds)
        for phases, (before, to_reach) in HEADERS.items():
            many = [files.images] * phases
            run = partial(cpu_seconds, lambda series=many: [read_image_headers(one) for one in series])
            yield beside(f"headers of {phases} phases x 160 images", before, run, before / to_reach)
        yield beside("prediction of 100 cases", 0.67, _prediction(), 6.7 / 0.26)
        yield beside("start of a worker: CPU of all imports", 4.4, lambda: float(_python(START)), 4.4 / 1.5)
        yield from _cases(beside)


class Yardstick:
    """Measures parts, each alternately with the yardstick."""

    def __init__(self, files: StudyFiles, rounds: int) -> None:
        self._files = files
        self._rounds = rounds

    def __call__(self, name: str, before: float, run: Callable[[], float], aim: float) -> Row:
        """Return the row of a part; ``run`` returns its CPU seconds, ``before`` are those of the first release."""
        run()
        pairs = [(cpu_seconds(self._read_as_before), run()) for _ in range(self._rounds)]
        yardstick, now = (median(column) for column in zip(*pairs, strict=True))
        return Row(name, before * yardstick / YARDSTICK_SECONDS, now, "s", aim)

    def _read_as_before(self) -> None:
        for path in self._files.images:
            check_stored(path, LIMITS.structure, LIMITS.max_inflated_bytes)
            dcmread(path, stop_before_pixels=True)


def _prediction() -> Callable[[], float]:
    bundle = shipped_bundle()
    forest, probes = load_bundle(bundle).estimator, from_npz((bundle / "canary.npz").read_bytes()).inputs
    return partial(cpu_seconds, lambda: [forest.predict_proba(probes[:1]) for _ in range(100)])


def _cases(beside: Yardstick) -> Iterator[Row]:
    signature = load_bundle(shipped_bundle())
    for diameter, (before, aim) in CASES.items():
        with tempfile.TemporaryDirectory(prefix="radtme-case-") as name:
            files = write_study(Path(name), tumour_diameter_mm=diameter)
            run = partial(cpu_seconds, partial(ours, files, signature, Path(name), CpuSeconds()))
            yield beside(f"ready to written, {diameter:.0f} mm", before, run, aim)
    if BR06.is_dir():
        with tempfile.TemporaryDirectory(prefix="radtme-case-") as name:
            files = StudyFiles(tuple(sorted((BR06 / "dce").glob("*.dcm"))), BR06 / "tumour_seg" / "seg.dcm")
            run = partial(cpu_seconds, partial(ours, files, signature, Path(name), CpuSeconds()))
            yield beside("ready to written, br06", BR06_CASE[0], run, BR06_CASE[1])


def _python(program: str) -> str:
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return done.stdout.strip().splitlines()[-1]
