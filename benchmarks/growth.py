"""How the cost of a case grows, and the memory that the largest study takes.

CPU seconds of one thread from ready to written, as in `study.py`, of a small case and of a larger one in turn. "Before"
is the small one times the number of times that the other is larger: a cost that grows no faster has a ratio of 1 at
least. The memory is the highest of a process that has loaded what a worker loads, and then scores one case.
"""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

from aims import Row
from generated_study import StudyFiles, write_study
from pydicom import dcmread
from pydicom.uid import generate_uid
from study import CpuSeconds, ours

from model_store.signatures.bundle import load_bundle
from model_store.signatures.registry import shipped_bundle

MOST_MIB = 1024.0
LARGEST = (10, (200, 512, 512))
"""Phases, and slices, rows and columns of each."""
SECONDS_A_PHASE = 90
PEAK = (
    "import re, sys; sys.path[:0] = sys.argv[1:2]; from growth import score; "
    "from workers.jobs.preloading import load_libraries; import workers.jobs.app; load_libraries(); "
    "score(sys.argv[2]); print(int(re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())[1]) / 1024)"
)
"""Prints the peak of this program alone: ru_maxrss would count the process that started it."""


def rows(rounds: int = 5) -> Iterator[Row]:
    """Measure each kind of growth, and the memory of the largest study."""
    with tempfile.TemporaryDirectory(prefix="radtme-growth-") as name:
        folder = Path(name)
        small = _study(folder / "small")
        yield _growth("slices, 80 to 320", 4, small, _study(folder / "slices", slices=320), rounds)
        phases = [_with_phases(_study(folder / f"phases{number}"), number) for number in (3, 10)]
        yield _growth("phases, 3 to 10", 10 / 3, *phases, rounds)
        large = _study(folder / "large", tumour_diameter_mm=40.0)
        yield _growth("tumour, 20 to 40 mm (8 times the volume)", 8, small, large, rounds)
        yield _growth("tumours in one outline, 1 to 4", 4, small, _study(folder / "four", tumours=4), rounds)
    with tempfile.TemporaryDirectory(prefix="radtme-largest-") as name:
        phases_of_largest, shape = LARGEST
        (Path(name) / "case").mkdir()
        files = write_study(Path(name) / "case", shape, (0.7, 0.7, 1.0))
        _with_phases(files, phases_of_largest)
        shown = " x ".join(map(str, (phases_of_largest, *shape)))
        yield Row(f"memory for a study of {shown}", MOST_MIB, _peak_mib(files.seg.parent), "MiB", 1.0)


def score(folder: str | Path, timer: CpuSeconds | None = None, tumours: int = 1) -> None:
    """Score all tumours of the study that lies in a folder, and write their results."""
    signature = load_bundle(shipped_bundle())
    seg = Path(folder) / "seg.dcm"
    files = StudyFiles(tuple(sorted(set(Path(folder).glob("[0-9]*.dcm")))), seg)
    with tempfile.TemporaryDirectory(prefix="radtme-results-") as results:
        for number in range(1, tumours + 1):
            segment_number = number if tumours > 1 else None
            ours(files, signature, Path(results), timer or CpuSeconds(), segment_number)


def _study(folder: Path, slices: int = 80, tumour_diameter_mm: float = 20.0, tumours: int = 1) -> StudyFiles:
    folder.mkdir()
    spacing_mm = (1.2, 1.2, 288 / slices)  # slices that the signature accepts
    return write_study(folder, (slices, 224, 224), spacing_mm, tumour_diameter_mm, tumours=tumours)


def _with_phases(files: StudyFiles, phases: int) -> StudyFiles:
    """Add the other phases to a study's series; the first one has half of the signal, as before contrast."""
    began = datetime(2024, 1, 5, 10, 15, tzinfo=UTC)
    paths = list(files.images)
    for path in files.images:
        image = dcmread(path)
        first, outlined = image.pixel_array // 2, image.pixel_array
        for phase in (0, *range(2, phases)):
            image.SOPInstanceUID = image.file_meta.MediaStorageSOPInstanceUID = generate_uid()
            when = began + timedelta(seconds=SECONDS_A_PHASE * (phase - 1))
            image.AcquisitionTime = image.ContentTime = when.strftime("%H%M%S")
            image.PixelData = (outlined if phase else first).tobytes()
            image.InstanceNumber = len(paths) + 1
            paths.append(path.with_name(f"{path.stem}-{phase}.dcm"))
            image.save_as(paths[-1], enforce_file_format=True)
    return StudyFiles(tuple(paths), files.seg)


def _growth(name: str, times: float, small: StudyFiles, large: StudyFiles, rounds: int) -> Row:
    tumours = 4 if "tumours" in name else 1
    seconds: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds + 1):
        for spent, files, number in zip(seconds, (small, large), (1, tumours), strict=True):
            timer = CpuSeconds()
            score(files.seg.parent, timer, number)
            spent.append(timer.total)
    before, now = (median(spent[1:]) for spent in seconds)  # the first round only warms up
    return Row(f"growth over {name}", before * times, now, "s", 1.0)


def _peak_mib(folder: Path) -> float:
    command = [sys.executable, "-c", PEAK, str(Path(__file__).resolve().parent), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).resolve().parents[1])
    return float(done.stdout.split()[-1])
