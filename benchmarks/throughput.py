"""Cases per minute with one and two worker processes, seconds from the last object to the result, memory, and a day.

    python benchmarks/throughput.py --cases 60       1 and 2 worker processes in turn, at low load and at saturation
    python benchmarks/throughput.py --memory 500     one worker process, its memory while it scores 500 cases
    python benchmarks/throughput.py --day 2000       a day of a hospital group, simulated with measured times

The stack of `deploy/compose` without containers: Redis, listener, workers that score, a worker that delivers, Orthanc
as the PACS. Nagle's algorithm is off on every side (`TCP_NODELAY=1` for Orthanc and dcmsend). Small phantoms of 24
slices of 96 x 96 in three phases: what is measured is the service around the features; those are in `study.py`.
"""

import argparse
import heapq
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path

import numpy as np
import psutil
from pydicom import dcmread
from pydicom.uid import generate_uid

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(REPOSITORY), str(REPOSITORY / "tests")]

from deploy.simulation.phantom import write_phantom  # noqa: E402
from listener.runtime.timestamps import format_time  # noqa: E402
from listener.spool.jobs import Job  # noqa: E402
from support.broken_studies import SMALL  # noqa: E402
from support.installation import send  # noqa: E402
from support.pacs import Orthanc, orthanc  # noqa: E402
from support.whole_stack import WholeStack  # noqa: E402
from workers.delivery.outbox import read_delivery  # noqa: E402

PHANTOMS = 10
COMPUTE = ("compute-1", "compute-2")
ARRIVALS_BY_HOUR = (1, 1, 1, 1, 1, 2, 5, 9, 11, 12, 11, 9, 8, 9, 10, 9, 7, 5, 3, 2, 2, 1, 1, 1)
"""Weights of a day: few at night, a peak in the morning, another in the afternoon. Assumed, not measured."""


def write_studies(folder: Path) -> list[Path]:
    """Write the phantoms, each in a folder of its own."""
    for number in range(PHANTOMS):
        write_phantom(folder / f"study{number}", 300 + number, **SMALL)
    return sorted(folder.iterdir())


def another_outline(studies: Sequence[Path], number: int, folder: Path) -> Path:
    """Write an outline that is a new case: that of a study that was sent, under UIDs of its own."""
    dataset = dcmread(next(studies[number % len(studies)].glob("**/*seg*.dcm")))
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    dataset.SeriesInstanceUID = generate_uid()
    for segment in dataset.SegmentSequence:
        segment.TrackingUID = generate_uid()
    path = folder / f"outline{number}.dcm"
    dataset.save_as(path)
    return path


class Bench:
    """A stack with its PACS, the images of all studies already sent."""

    def __init__(self, folder: Path, running: ExitStack, studies: Sequence[Path], compute: Sequence[str]) -> None:
        self.folder = folder
        self.pacs: Orthanc = running.enter_context(orthanc(folder / "pacs"))
        target = {"name": "pacs", "ae_title": self.pacs.ae_title, "host": "127.0.0.1", "port": self.pacs.dicom_port}
        peers = [{"ae_title": "DCMSEND", "addresses": ["127.0.0.0/8"]}]
        self.stack = WholeStack(
            folder / "stack", [target], settle_seconds=1, sweep_seconds=0.5, min_free_bytes=0, peers=peers
        )
        running.callback(self.stack.stop)
        self.parts = ("redis", "listener", *compute, "delivery")
        self.stack.start(*self.parts)
        # Outlines last: one that is here before the last image may get a second version, and would count twice.
        self.done = 0
        outlines = [next(study.glob("**/*seg*.dcm")) for study in studies]
        send(self.stack.dicom_port, *sorted({*(path for one in studies for path in one.rglob("*.dcm"))} - {*outlines}))
        self.score(outlines)
        self.studies = studies

    def wait(self) -> None:
        """Wait until every case is in the PACS."""
        self.stack.wait_for_jobs(self.done, 3600)

    def score(self, outlines: Sequence[Path]) -> float:
        """Send outlines and return the seconds until all of their results are in the PACS."""
        began = time.monotonic()
        send(self.stack.dicom_port, *outlines)
        self.done += len(outlines)
        self.wait()
        return time.monotonic() - began

    def latencies(self, number: int) -> list[float]:
        """Return the seconds from ready to delivered of the last cases."""
        jobs = sorted(self.stack.jobs(), key=lambda job: job.changed)[-number:]
        return [_seconds(str(format_time(job.record.readied)), self._delivered(job)) for job in jobs]

    def _delivered(self, job: Job) -> str:
        record = read_delivery(self.stack.spool.ledger, job.id, "pacs")
        assert record is not None
        return str(format_time(record.updated))

    def cpu_seconds(self) -> dict[str, float]:
        """Return the CPU seconds of each part so far, those of the processes it started and that still run included."""
        processes = {part: psutil.Process(self.stack.pid(part)) for part in self.parts}
        processes["Orthanc"] = next(one for one in psutil.Process().children() if one.name() == "Orthanc")
        seconds = {}
        for part, process in processes.items():
            seconds[part] = sum(
                one.cpu_times().user + one.cpu_times().system for one in (process, *process.children(recursive=True))
            )
        return seconds

    def worker_bytes(self, part: str) -> int:
        """Return the resident memory of a worker and its pool."""
        process = psutil.Process(self.stack.pid(part))
        return sum(one.memory_info().rss for one in (process, *process.children(recursive=True)))


def _seconds(begin: str, end: str) -> float:
    return (datetime.fromisoformat(end) - datetime.fromisoformat(begin)).total_seconds()


def scale_out(folder: Path, cases: int, rounds: int) -> None:
    """Print cases per minute and latencies with one and with two worker processes, in turn."""
    studies = write_studies(folder / "studies")
    rates: dict[int, list[float]] = {1: [], 2: []}
    for turn in range(rounds):
        for processes in (1, 2):
            with ExitStack() as running:
                place = folder / f"{turn}-{processes}"
                bench = Bench(place, running, studies, COMPUTE[:processes])
                outlines = [another_outline(studies, number, place) for number in range(cases + 5)]
                for outline in outlines[:5]:
                    bench.score([outline])
                low = bench.latencies(5)
                before = bench.cpu_seconds()
                rates[processes].append(60 * cases / bench.score(outlines[5:]))
                after = bench.cpu_seconds()
                high = bench.latencies(cases)
                rate = f"{rates[processes][-1]:.1f} cases/min"
                print(f"round {turn + 1}, {processes} processes: {rate}; {_words(low, high)}", flush=True)
                each = (f"{part} {(after[part] - before[part]) / cases:.2f}" for part in after)
                print(f"  CPU seconds per case: {', '.join(each)}", flush=True)
    one, two = statistics.median(rates[1]), statistics.median(rates[2])
    print(f"2 processes against 1: {two / one:.2f} times the cases per minute")


def _words(low: Sequence[float], high: Sequence[float]) -> str:
    return (
        f"ready to result in the PACS: {statistics.median(low):.1f} s at low load, with {len(high)} cases at once "
        f"{statistics.median(high):.1f} s (95 %: {float(np.quantile(high, 0.95)):.1f} s)"
    )


def memory(folder: Path, cases: int) -> None:
    """Print the memory of one worker process while it scores."""
    studies = write_studies(folder / "studies")
    with ExitStack() as running:
        bench = Bench(folder / "memory", running, studies, COMPUTE[:1])
        seen = []
        for begin in range(0, cases, 50):
            end = min(begin + 50, cases)
            bench.score([another_outline(studies, number, folder) for number in range(begin, end)])
            seen.append(bench.worker_bytes(COMPUTE[0]))
            print(f"after {end:4} cases: {seen[-1] / 2**20:6.0f} MiB", flush=True)
        print(f"last against the second: {seen[-1] / seen[min(1, len(seen) - 1)]:.3f}")


def day(studies: int, seconds: Sequence[float], seed: int = 7) -> None:
    """Print how long cases wait in a simulated day; the first free worker takes the oldest case."""
    random = np.random.default_rng(seed)
    weights = np.array(ARRIVALS_BY_HOUR) / sum(ARRIVALS_BY_HOUR)
    arrivals = np.sort(random.choice(24, studies, p=weights) * 3600 + random.uniform(0, 3600, studies))
    for workers in (1, 2, 4, 8):
        free = [0.0] * workers
        waits = []
        for arrival in arrivals:
            start = max(arrival, heapq.heappop(free))
            heapq.heappush(free, start + float(random.choice(seconds)))
            waits.append(start - arrival)
        half, most, longest = np.quantile(waits, (0.5, 0.95, 1))
        print(f"{workers} processes: waits of {half:.1f} s (half), {most:.1f} s (95 %), {longest:.1f} s (longest)")


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=0)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--memory", type=int, default=0)
    parser.add_argument("--day", type=int, default=0)
    parser.add_argument(
        "--seconds", type=float, nargs="+", default=[2.0, 3.0, 6.0], help="what a case takes, for --day (see study.py)"
    )
    options = parser.parse_args()
    if not options.cases and not options.memory and not options.day:
        parser.error("give --cases, --memory or --day")
    with tempfile.TemporaryDirectory(prefix="radtme-throughput-") as name:
        folder = Path(name)
        if options.cases:
            scale_out(folder, options.cases, options.rounds)
        if options.memory:
            memory(folder, options.memory)
    if options.day:
        day(options.day, options.seconds)


if __name__ == "__main__":
    main()
