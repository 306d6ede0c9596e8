"""Studies per minute of ``radtme cohort extract``, what a second process adds, and its memory over the run.

    python benchmarks/cohort.py                  50 studies in 2 processes, then 20 of them in 1 and 2 processes in turn
    python benchmarks/cohort.py --studies 8      fewer
    python benchmarks/cohort.py --full-size      160 slices of 448 x 448, which take minutes to generate

The command runs as a person runs it, on DICOM files. A study is one phase of 80 slices of 224 x 224 with one outlined
tumour of 15 to 25 mm: the field of view of a clinical one in an eighth of its voxels. Making them is not counted.

The rate is that between the first result and the last (time stamps of the results' files), so starting up is told
apart. Memory is the resident one of each process, read twice a second. It is flat if the highest of the last third of
the run is at most 1.1 times that of the first third, warm-up (the first ten cases) left out.
"""

import argparse
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psutil

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(REPOSITORY), str(REPOSITORY / "benchmarks")]

from generated_study import write_study  # noqa: E402

from deploy.cohort.cluster_tasks import run_tasks  # noqa: E402
from model_store.computing.cluster import Cluster  # noqa: E402

RADTME = Path(sys.executable).with_name("radtme")
SMALL = ((80, 224, 224), (1.6, 1.6, 2.0))
FULL = ((160, 448, 448), (0.8, 0.8, 1.0))
WARM_UP = 10
FLAT = 1.1
SAMPLE_SECONDS = 0.5


@dataclass(frozen=True)
class StudyToGenerate:
    """One study, for a child process."""

    folder: Path
    seed: int
    full_size: bool


@dataclass
class Run:
    """One run of the command."""

    seconds: float = 0.0
    cpu_seconds: float = 0.0
    """Of the command and all its processes."""
    finished: list[float] = field(default_factory=list)
    """Time stamps of the results, sorted."""
    memory: list[tuple[float, int, int]] = field(default_factory=list)
    """Time stamp, process, resident bytes."""

    @property
    def per_minute(self) -> float:
        """Studies per minute between the first result and the last."""
        return 60 * (len(self.finished) - 1) / (self.finished[-1] - self.finished[0])


def generate(task: StudyToGenerate) -> None:
    """Write one study."""
    task.folder.mkdir(parents=True)
    shape, spacing_mm = FULL if task.full_size else SMALL
    diameter_mm = float(np.random.default_rng(task.seed).uniform(15, 25))
    write_study(task.folder, shape, spacing_mm, diameter_mm, task.seed)


def generate_all(folder: Path, studies: int, full_size: bool) -> list[Path]:
    """Write the studies, two at a time, and return their folders."""
    tasks = [StudyToGenerate(folder / f"study{number:03}", number, full_size) for number in range(studies)]
    began = time.monotonic()
    with Cluster(2) as cluster:
        for done, ended in enumerate(run_tasks(cluster, generate, tasks), 1):
            assert not ended.failure, ended.detail
            if done % 10 == 0 or done == studies:
                print(f"generated {done} of {studies} ({time.monotonic() - began:.0f} s)", flush=True)
    return [task.folder for task in tasks]


def extract(source: Path, output: Path, processes: int) -> Run:
    """Run the command and watch it."""
    command = [RADTME, "cohort", "extract", source, "--output", output, "--concurrency", processes]
    run, said = Run(), 0.0
    began, cpu = time.monotonic(), _cpu_seconds()
    with (output.with_suffix(".log")).open("w") as log:
        running = subprocess.Popen(list(map(str, command)), stdout=log, stderr=log)
        while running.poll() is None:
            run.memory += _memory(running.pid)
            if time.monotonic() - said > 20:
                said = time.monotonic()
                print(f"  {len(_results(output))} measured after {said - began:.0f} s", flush=True)
            time.sleep(SAMPLE_SECONDS)
    run.seconds, run.cpu_seconds = time.monotonic() - began, _cpu_seconds() - cpu
    assert running.returncode == 0, output.with_suffix(".log").read_text()
    run.finished = sorted(path.stat().st_mtime for path in _results(output))
    return run


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _results(output: Path) -> list[Path]:
    return list((output / "extract" / "cases").glob("[!.]*.json"))


def _memory(pid: int) -> list[tuple[float, int, int]]:
    found = []
    try:
        root = psutil.Process(pid)
        found.extend((time.time(), one.pid, one.memory_info().rss) for one in (root, *root.children(recursive=True)))
    except psutil.NoSuchProcess:
        pass  # it ended between two looks
    return found


def tell_memory(run: Run) -> bool:
    """Print the memory of each process by thirds of the run; return whether it is flat."""
    begin, end = run.finished[min(WARM_UP, len(run.finished) - 2)], run.finished[-1]
    by_process: dict[int, list[tuple[float, int]]] = defaultdict(list)
    for at, pid, resident in run.memory:
        if begin <= at <= end:
            by_process[pid].append((at, resident))
    flat = True
    for number, seen in enumerate(by_process.values()):
        thirds = [
            max((size for at, size in seen if low <= at <= high), default=0) / 2**20
            for low, high in zip(_edges(begin, end)[:-1], _edges(begin, end)[1:], strict=True)
        ]
        if min(thirds) < 50:
            continue  # Python's own helper
        slope = np.polyfit([at - begin for at, _ in seen], [size / 2**20 for _, size in seen], 1)[0] * (end - begin)
        flat = flat and thirds[-1] <= FLAT * thirds[0]
        said = ", ".join(f"{size:.0f}" for size in thirds)
        print(
            f"{'the command' if number == 0 else f'process {number}'}: highest of each third {said} MiB, "
            f"last against first {thirds[-1] / thirds[0]:.3f}, trend over the run {slope:+.0f} MiB"
        )
    print(f"memory is {'flat' if flat else 'NOT flat'}")
    return flat


def _edges(begin: float, end: float) -> Sequence[float]:
    return [float(edge) for edge in np.linspace(begin, end, 4)]


def scale(folder: Path, studies: Sequence[Path], rounds: int) -> None:
    """Print what a second process adds, in turn with one."""
    source = folder / "fewer"
    source.mkdir()
    for study in studies:
        shutil.copytree(study, source / study.name, copy_function=os.link)
    rates: dict[int, list[float]] = {1: [], 2: []}
    for turn in range(rounds):
        for processes in (1, 2):
            run = extract(source, folder / f"turn{turn}-{processes}", processes)
            rates[processes].append(run.per_minute)
            print(f"round {turn + 1}, {processes} processes: {run.per_minute:.1f} studies/min", flush=True)
    best, usual = (how(rates[2]) / how(rates[1]) for how in (max, statistics.median))
    print(f"2 processes against 1, {len(studies)} studies: {best:.2f} times the studies per minute in the best rounds,")
    print(f"  {usual:.2f} times in the median ones (which others on the same cores decide)")


def main() -> int:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=50)
    parser.add_argument("--fewer", type=int, default=20, help="for the comparison of 1 and 2 processes; 0: none")
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--full-size", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="radtme-cohort-") as name:
        folder = Path(name)
        studies = generate_all(folder / "dicom", options.studies, options.full_size)
        run = extract(folder / "dicom", folder / "all", 2)
        start = run.seconds - (run.finished[-1] - run.finished[0])
        print(f"{options.studies} studies in 2 processes: {run.per_minute:.1f} studies/min; all {run.seconds:.0f} s,")
        print(f"  {start:.0f} s of them before the first result and after the last (headers, imports, tables);")
        print(f"  {run.cpu_seconds / options.studies:.2f} s of CPU for each study")
        print(f"  load of the machine (1, 5, 15 minutes): {', '.join(f'{load:.1f}' for load in os.getloadavg())}")
        flat = tell_memory(run)
        if options.fewer:
            scale(folder, studies[: options.fewer], options.rounds)
    return 0 if flat else 1


if __name__ == "__main__":
    sys.exit(main())
