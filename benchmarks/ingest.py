"""How fast is the intake? Ours against Orthanc and storescp, the same slices from the same sender, in one run.

    python benchmarks/ingest.py --slices 800 --rounds 5

dcmtk's ``dcmsend`` sends MR slices of 448 x 448 over one association, and four of them at once send a quarter each.
Each measurement starts a fresh receiver on an empty folder and a free loopback port; the receivers take turns within
each round. The time is the wall clock of the senders, their start included. Nagle's algorithm is off everywhere
(``TCP_NODELAY=1``), except in the rounds of ``--nagle-rounds``: there the sender has dcmtk's default, on.

Ours answers when an object and its name are on the disk. storescp is bit-preserving, with PDUs of 128 KiB, and syncs
nothing; ``storescp, synced`` is the same program with `synced_files.c` preloaded, which syncs each file and its folder
before the answer. Orthanc runs as shipped, without plugins, and syncs its files, not its folders.
"""

import argparse
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage, generate_uid

REPOSITORY = Path(__file__).resolve().parents[1]
RECEIVERS = ("ours", "orthanc", "storescp", "storescp, synced")
AIMS = (
    (1, "storescp, synced", 0.95),
    (4, "storescp, synced", 1.35),
    (1, "orthanc", 2.2),
)
"""Associations, the other receiver, and how many times as many objects ours takes at least."""


@dataclass(frozen=True)
class Measurement:
    """One burst into one receiver."""

    seconds: float
    receiver_cpu_seconds: float


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
def receiver(name: str, folder: Path) -> Iterator[tuple[int, int]]:
    """Run a receiver on an empty folder; yields its port and its process id."""
    port = free_port()
    environment = {**os.environ, "TCP_NODELAY": "1", "PYTHONPATH": str(REPOSITORY)}
    if name == "storescp, synced":
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
            yield port, process.pid
        finally:
            process.terminate()
            process.wait(30)
            if process.stdin:
                process.stdin.close()


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
    if name.startswith("storescp"):
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


def measure(name: str, parts: list[Path], count: int, nodelay: bool, scratch: Path) -> Measurement:
    """Send all slices to a fresh receiver, each part over an association of its own."""
    folder = scratch / f"{name.replace(', ', '-')}-{time.monotonic_ns()}"
    folder.mkdir()
    environment = {key: value for key, value in os.environ.items() if key != "TCP_NODELAY"}
    if nodelay:
        environment["TCP_NODELAY"] = "1"
    with receiver(name, folder) as (port, pid):
        before = cpu_seconds(pid)
        start = time.perf_counter()
        senders = [
            subprocess.Popen(
                ["dcmsend", "--scan-directories", "--recurse", "127.0.0.1", str(port), str(part)],
                env=environment,
                stdout=subprocess.DEVNULL,
            )
            for part in parts
        ]
        if sum(abs(sender.wait()) for sender in senders):
            raise SystemExit(f"dcmsend could not send to {name}")
        seconds = time.perf_counter() - start
        used = cpu_seconds(pid) - before
    stored = sum(1 for path in (folder / "store").rglob("*") if path.is_file() and path.stat().st_size > 400_000)
    if stored < count:
        raise SystemExit(f"{name} kept {stored} of {count} objects")
    shutil.rmtree(folder)
    os.sync()  # what one receiver left to be written must not slow down the next
    return Measurement(seconds, used)


Results = dict[tuple[bool, int, str], list[Measurement]]
"""By ``TCP_NODELAY`` at the sender, number of associations, and receiver."""


def table(results: Results, count: int) -> str:
    """Return the medians as a Markdown table."""
    lines = [
        "| sender | associations | receiver | objects/s | range | ours to it | receiver CPU ms/object |",
        "|---|---|---|---|---|---|---|",
    ]
    for (nodelay, associations, name), all_of_it in results.items():
        rates = [count / one.seconds for one in all_of_it]
        cpu = statistics.median(one.receiver_cpu_seconds for one in all_of_it) / count * 1000
        lines.append(
            f"| {'TCP_NODELAY=1' if nodelay else 'as shipped'} | {associations} | {name} "
            f"| {statistics.median(rates):.0f} | {min(rates):.0f}-{max(rates):.0f} "
            f"| {ratio(results, nodelay, associations, name):.2f} | {cpu:.2f} |"
        )
    return "\n".join(lines)


def ratio(results: Results, nodelay: bool, associations: int, other: str) -> float:
    """Return how many times as many objects ours takes as another receiver: the median over the rounds."""
    pairs = zip(results[nodelay, associations, "ours"], results[nodelay, associations, other], strict=True)
    return statistics.median(theirs.seconds / ours.seconds for ours, theirs in pairs)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--slices", type=int, default=800)
    parser.add_argument("--rounds", type=int, default=5, help="with TCP_NODELAY=1 at the sender")
    parser.add_argument("--nagle-rounds", type=int, default=1, help="without; Orthanc takes about a minute for each")
    parser.add_argument("--scratch", type=Path, default=None, help="a folder on the disk to measure on")
    parser.add_argument("--listen", nargs=2, metavar=("FOLDER", "PORT"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.listen:
        listen(Path(arguments.listen[0]), int(arguments.listen[1]))
        return
    results: Results = {}
    with tempfile.TemporaryDirectory(dir=arguments.scratch, prefix="radtme-ingest-") as name:
        scratch = Path(name).resolve()
        slices = scratch / "slices"
        parts = [slices / str(number) for number in range(4)]
        for part in parts:
            part.mkdir(parents=True)
        make_slices(parts, arguments.slices)
        os.sync()
        rounds = [(True, 1), (True, 4)] * arguments.rounds + [(False, 1)] * arguments.nagle_rounds
        for nodelay, associations in rounds:
            for who in RECEIVERS:
                one = measure(who, [slices] if associations == 1 else parts, arguments.slices, nodelay, scratch)
                results.setdefault((nodelay, associations, who), []).append(one)
                print(f"nodelay={nodelay} {associations} {who}: {arguments.slices / one.seconds:.0f}/s", flush=True)
    print(table(results, arguments.slices))
    missed = [
        f"{associations} associations: {found:.2f} times {other}, expected {aim}"
        for associations, other, aim in AIMS
        if (found := ratio(results, True, associations, other)) < aim
    ]
    if missed:
        raise SystemExit("\n".join(missed))


if __name__ == "__main__":
    main()
