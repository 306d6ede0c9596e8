"""The running service: seconds from the last object to the results in the PACS, and the memory of a worker.

Redis, listener, one compute worker, one delivery worker and Orthanc as the PACS, as `throughput.py` runs them. The
outline is sent alone, after its images and right behind them. Only a quiet machine gives meaningful seconds; on a busy
one, ``--preferred`` lets the processes of the service, Orthanc among them, run before all others (as root). The disk is
shared all the same.

    python benchmarks/service.py --rounds 5 --preferred
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import psutil
from aims import HEADER, Row, print_rows
from pydicom import dcmread

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(REPOSITORY), str(REPOSITORY / "tests")]

from deploy.simulation.phantom import write_phantom  # noqa: E402
from listener.spool.jobs import job_id_for  # noqa: E402
from support.broken_studies import SMALL  # noqa: E402
from support.installation import send  # noqa: E402
from support.pacs import orthanc  # noqa: E402
from support.processes import wait_until  # noqa: E402
from support.whole_stack import WholeStack  # noqa: E402
from workers.delivery.outbox import read_delivery  # noqa: E402
from workers.results.result_roles import ResultRole  # noqa: E402

LARGE = {"slices": 160, "rows": 448, "columns": 448, "spacing_mm": (1.0, 0.8, 0.8), "tumour_diameter_mm": 20.0}
BEFORE = {"small phantom": (1.63 + 2.2, 0.9), "160 x 448 x 448 x 3": (3.87 + 2.2, 1.3)}
"""Seconds of the first release with the outline right behind the images (2.2 s of them settling), and to reach."""
MEMORY_MIB = (860.0, 400.0)
"""Before, pages that both processes share were counted twice."""
PARTS = ("redis", "listener", "compute-1", "delivery")


def rows(rounds: int = 5, *, preferred: bool = False) -> Iterator[Row]:
    """Measure both studies, each ``rounds`` times, and the memory of the compute worker afterwards."""
    with tempfile.TemporaryDirectory(prefix="radtme-service-") as name, ExitStack() as running:
        folder = Path(name)
        pacs = running.enter_context(orthanc(folder / "pacs"))
        target = {"name": "pacs", "ae_title": pacs.ae_title, "host": "127.0.0.1", "port": pacs.dicom_port}
        peers = [{"ae_title": "DCMSEND", "addresses": ["127.0.0.0/8"]}]
        stack = WholeStack(folder / "stack", [target], min_free_bytes=0, peers=peers)
        running.callback(stack.stop)
        stack.start(*PARTS)
        if preferred:
            prefer()
        done = 0
        for study, size in (("small phantom", SMALL), ("160 x 448 x 448 x 3", LARGE)):
            report, everything = [], []
            for number in range(rounds):
                phantom = write_phantom(folder / f"{study[:5]}{number}", 700 + number, **size)
                images = [path for path in phantom.paths if path != phantom.seg_path]
                done += 1
                first, last = _seconds_to_pacs(stack, images, phantom.seg_path, done)
                report.append(first)
                everything.append(last)
            before, to_reach = BEFORE[study]
            for what, seconds in (("report", report), ("all results", everything)):
                name = f"last object to {what} in the PACS, {study}"
                yield Row(name, before, statistics.median(seconds), "s", before / to_reach)
        before, to_reach = MEMORY_MIB
        yield Row("memory of a worker with its pool process", before, worker_mib(stack), "MiB", before / to_reach)


def prefer() -> None:
    """Let this process and all that it has started run before all others.

    Linux shares the processor between sessions first: the niceness of a process counts within its session alone.
    """
    this = psutil.Process()
    for process in (this, *this.children(recursive=True)):
        Path(f"/proc/{process.pid}/autogroup").write_text("-20")


def _seconds_to_pacs(stack: WholeStack, images: Sequence[Path], outline: Path, done: int) -> tuple[float, float]:
    """Send the images, then the outline; return the seconds from then until the PACS has the summary report, and all.

    As the ledger has it: each answer of the PACS is written down before the next object is sent.
    """
    job_id = job_id_for(dcmread(outline, specific_tags=["SOPInstanceUID"]).SOPInstanceUID, 1)
    send(stack.dicom_port, *images)
    send(stack.dicom_port, outline)
    began = time.monotonic()
    wait_until(lambda: _has_report(stack, job_id), 300, "the report in the PACS", pause_seconds=0.02)
    report = time.monotonic() - began
    stack.wait_for_jobs(done, 300)
    return report, time.monotonic() - began


def _has_report(stack: WholeStack, job_id: str) -> bool:
    record = read_delivery(stack.spool.ledger, job_id, "pacs")
    return record is not None and ResultRole.SUMMARY_REPORT in record.taken


def worker_mib(stack: WholeStack) -> float:
    """Return the memory of the compute worker and its pool in MiB; what both share counts once."""
    process = psutil.Process(stack.pid("compute-1"))
    return sum(one.memory_full_info().pss for one in (process, *process.children(recursive=True))) / 2**20


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--preferred", action="store_true", help="run before all other processes (as root)")
    arguments = parser.parse_args()
    print(HEADER)
    met = print_rows(rows(arguments.rounds, preferred=arguments.preferred))
    print(f"load {os.getloadavg()[0]:.0f}")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
