"""How fast is the intake? Ours against Orthanc and storescp, the same slices from the same sender, in one run.

    python benchmarks/ingest.py --slices 200 --rounds 5

dcmtk's ``dcmsend`` sends MR slices of 448 x 448 over one association, and four of them at once send a quarter each. All
receivers run all the time, each on a folder of its own on the same disk; bursts of new slices go to them in turn, in
another order in each round, so that what else happens on the machine meets all alike. Objects per second are counted
from the first file that a receiver has written whole to the last. Nothing is removed before the end: where many files
were just removed, ext4 without a journal takes longer to make new ones. Nagle's algorithm is off on all sides
(``TCP_NODELAY=1``).

Ours answers when an object and its name are on the disk. storescp is bit-preserving, with PDUs of 128 KiB; with
`synced_files.c` preloaded, it syncs each file and its folder before it answers. Orthanc runs as shipped, without
plugins, and syncs its files, not its folders. Under load means beside five processes that do nothing but calculate.
"""

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from aims import HEADER, Row, print_rows
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage, generate_uid

REPOSITORY = Path(__file__).resolve().parents[1]
SLICES = 200
"""Of a burst."""
LARGE_BYTES = 400_000
"""A larger file is a slice: Orthanc writes small ones as well."""
OURS, ORTHANC, STORESCP = "ours", "orthanc", "storescp, synced"
RECEIVERS = (OURS, ORTHANC, STORESCP)
LOADED = 5
"""Processes that calculate, for the rows under load."""


@dataclass(frozen=True)
class Circumstances:
    """How a burst comes."""

    associations: int
    others: int = 0
    """Processes that calculate beside it."""

    def __str__(self) -> str:
        shown = "1 association" if self.associations == 1 else f"{self.associations} associations"
        return f"{shown}, {self.others} processes beside it" if self.others else shown


AIMS = (
    (Circumstances(1), STORESCP, 0.95),
    (Circumstances(4), STORESCP, 1.35),
    (Circumstances(1), ORTHANC, 2.2),
    (Circumstances(1, LOADED), ORTHANC, 1.0),
)
"""Circumstances, the other receiver, and how many times as many objects ours takes at least."""


@dataclass(frozen=True)
class Measurement:
    """One burst into one receiver."""

    per_second: float
    receiver_cpu_ms: float
    """For each object."""


@dataclass(frozen=True)
class Receiver:
    """A receiver that runs."""

    port: int
    pid: int
    store: Path


def make_slices(folders: list[Path], count: int) -> None:
    """Write ``count`` MR slices of 448 x 448 x 16 bit with noise in them, spread over the folders."""
    generator = np.random.default_rng(1)
    study, series, frame_of_reference = generate_uid(), generate_uid(), generate_uid()
    for number in range(1, count + 1):
        meta = FileMetaDataset()
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        meta.MediaStorageSOPClassUID = MRImageStorage
        meta.MediaStorageSOPInstanceUID = generate_uid()
        slice_ = Dataset()
        slice_.file_meta = meta
        slice_.SOPClassUID = MRImageStorage
        slice_.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
        slice_.StudyInstanceUID, slice_.SeriesInstanceUID = study, series
        slice_.FrameOfReferenceUID = frame_of_reference
        slice_.Modality, slice_.PatientID, slice_.PatientName = "MR", "BENCHMARK", "Bench^Mark"
        slice_.StudyDate, slice_.StudyTime, slice_.StudyID, slice_.AccessionNumber = "20240101", "120000", "1", ""
        slice_.SeriesNumber, slice_.InstanceNumber = 1, number
        slice_.ImagePositionPatient, slice_.ImageOrientationPatient = [0, 0, number], [1, 0, 0, 0, 1, 0]
        slice_.PixelSpacing, slice_.SliceThickness = [0.8, 0.8], 1
        slice_.Rows = slice_.Columns = 448
        slice_.SamplesPerPixel, slice_.PhotometricInterpretation = 1, "MONOCHROME2"
        slice_.BitsAllocated, slice_.BitsStored, slice_.HighBit, slice_.PixelRepresentation = 16, 12, 11, 0
        slice_.PixelData = generator.integers(0, 4096, (448, 448), dtype=np.uint16).tobytes()
        slice_.save_as(folders[number % len(folders)] / f"{number:05d}.dcm", enforce_file_format=True)


@contextmanager
def receiver(name: str, folder: Path) -> Iterator[Receiver]:
    """Run a receiver on a new folder."""
    port = free_port()
    folder.mkdir()
    environment = {**os.environ, "TCP_NODELAY": "1", "PYTHONPATH": str(REPOSITORY)}
    if name == STORESCP:
        environment["LD_PRELOAD"] = str(synced_files(folder))
    with open(folder / "receiver.log", "wb") as log_file:
        process = subprocess.Popen(
            command(name, folder, port),
            env=environment,
            stdin=subprocess.PIPE,
            stdout=log_file,
            stderr=subprocess.STDOUT,
            cwd=folder,
        )
        try:
            await_port(port, process)
            yield Receiver(port, process.pid, folder / "store")
        finally:
            process.terminate()
            process.wait(30)
            if process.stdin:
                process.stdin.close()


@contextmanager
def calculating(number: int) -> Iterator[None]:
    """Keep ``number`` processes busy; each ends by itself when this one is gone."""
    program = f"import os\nwhile os.getppid() == {os.getpid()}:\n    sum(range(100_000))"
    busy = [subprocess.Popen([sys.executable, "-c", program]) for _ in range(number)]
    try:
        yield
    finally:
        for process in busy:
            process.kill()
            process.wait()


def synced_files(folder: Path) -> Path:
    """Compile the library that syncs what a program writes."""
    library = folder / "synced_files.so"
    subprocess.run(
        ["cc", "-shared", "-fPIC", "-O1", "-o", library, Path(__file__).with_name("synced_files.c")], check=True
    )
    return library


def command(name: str, folder: Path, port: int) -> list[str]:
    """Return the command line of a receiver."""
    store = folder / "store"
    store.mkdir()
    if name == "ours":
        return [sys.executable, __file__, "--listen", str(store), str(port)]
    if name == STORESCP:
        return ["storescp", "+B", "--max-pdu", "131072", "-od", str(store), str(port)]
    configuration = {
        "StorageDirectory": str(store),
        "IndexDirectory": str(store),
        "DicomPort": port,
        "HttpServerEnabled": False,
        "DicomCheckCalledAet": False,
        "DicomAlwaysAllowStore": True,
        "Plugins": [],
    }
    (folder / "orthanc.json").write_text(json.dumps(configuration))
    return ["Orthanc", str(folder / "orthanc.json")]


def listen(store: Path, port: int) -> None:
    """Run our listener until the process is told to end, as `radtme listen` does."""
    from listener.listener import Listener
    from listener.runtime import logs
    from listener.settings import ListenerSettings

    logs.configure(json=True)
    ours = Listener(
        ListenerSettings(spool=store, port=port, metrics_port=0, min_free_bytes=0, redis_url="redis://127.0.0.1:1/0")
    )
    ours.start()
    threading.Event().wait()


def free_port() -> int:
    """Return a loopback port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def await_port(port: int, process: "subprocess.Popen[bytes]") -> None:
    """Wait until a receiver accepts connections."""
    for _ in range(300):
        if process.poll() is not None:
            raise SystemExit(f"{process.args!r} ended with {process.returncode}")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise SystemExit(f"{process.args!r} does not listen")


def cpu_seconds(pid: int) -> float:
    """Return the CPU time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(to: Receiver, parts: list[Path], count: int) -> Measurement:
    """Send all slices, each part over an association of its own."""
    before, began = cpu_seconds(to.pid), time.time()
    senders = [
        subprocess.Popen(
            ["dcmsend", "--scan-directories", "--recurse", "127.0.0.1", str(to.port), str(part)],
            env={**os.environ, "TCP_NODELAY": "1"},
            stdout=subprocess.DEVNULL,
        )
        for part in parts
    ]
    if sum(abs(sender.wait()) for sender in senders):
        raise SystemExit(f"dcmsend could not send to {to.store}")
    used = cpu_seconds(to.pid) - before
    times = {}
    for folder, _, names in os.walk(to.store):  # passes over folders that vanish
        for name in names:
            if "index" in name or "ledger" in name:  # a database
                continue
            with suppress(FileNotFoundError):  # what an association needs goes with its end
                one = os.stat(os.path.join(folder, name))
                if one.st_size > LARGE_BYTES and one.st_mtime >= began:
                    times[one.st_ino] = one.st_mtime  # ours links each file twice for a while
    if len(times) != count:
        raise SystemExit(f"{to.store} has {len(times)} of {count} objects")
    return Measurement((count - 1) / (max(times.values()) - min(times.values())), used / count * 1000)


Results = dict[tuple[Circumstances, str], list[Measurement]]


def measured(rounds: int, slices: int = SLICES, scratch: Path | None = None) -> Results:
    """Send bursts to all receivers in turn."""
    results: Results = {}
    with tempfile.TemporaryDirectory(dir=scratch, prefix="radtme-ingest-") as name, ExitStack() as running:
        folder = Path(name).resolve()
        receivers = {who: running.enter_context(receiver(who, folder / who.replace(", ", "-"))) for who in RECEIVERS}
        ways = dict.fromkeys(way for way, _, _ in AIMS)
        for number in range(rounds + 1):
            for way in ways:
                burst = folder / f"burst-{number}-{way.associations}-{way.others}"
                parts = [burst / str(part) for part in range(way.associations)]
                for part in parts:
                    part.mkdir(parents=True)
                make_slices(parts, slices)
                os.sync()
                with calculating(way.others):
                    for at in range(len(RECEIVERS)):
                        who = RECEIVERS[(number + at) % len(RECEIVERS)]
                        one = measure(receivers[who], parts, slices)
                        if number:  # the first round only warms up
                            results.setdefault((way, who), []).append(one)
    return results


def rows(rounds: int = 5, results: Results | None = None) -> Iterator[Row]:
    """Return what is compared with an aim."""
    results = results or measured(rounds)
    rates = {key: statistics.median(one.per_second for one in bursts) for key, bursts in results.items()}
    for way, other, aim in AIMS:
        yield Row(f"intake against {other}, {way}", rates[way, other], rates[way, OURS], "/s", aim, is_rate=True)


def table(results: Results) -> str:
    """Return all medians as a Markdown table."""
    lines = ["| | receiver | objects/s | range | CPU of the receiver, ms/object |", "|---|---|---|---|---|"]
    for (way, who), bursts in results.items():
        rates = [one.per_second for one in bursts]
        cpu = statistics.median(one.receiver_cpu_ms for one in bursts)
        lines.append(
            f"| {way} | {who} | {statistics.median(rates):.0f} | {min(rates):.0f}-{max(rates):.0f} | {cpu:.2f} |"
        )
    return "\n".join(lines)


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--slices", type=int, default=SLICES)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--scratch", type=Path, default=None, help="a folder on the disk to measure on")
    parser.add_argument("--listen", nargs=2, metavar=("FOLDER", "PORT"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.listen:
        listen(Path(arguments.listen[0]), int(arguments.listen[1]))
        return 0
    results = measured(arguments.rounds, arguments.slices, arguments.scratch)
    print(f"{table(results)}\n\n{HEADER}")
    return 0 if print_rows(rows(results=results)) else 1


if __name__ == "__main__":
    sys.exit(main())
