"""What storescp, Orthanc and radtme keep of what they acknowledged, when they are killed while they receive.

Each is started, sent generated studies, killed (SIGKILL) after a random number of objects and started again, some
rounds in a row. An object counts as lost when its C-STORE got 0x0000 and it cannot be read back as it was sent. A kill
is not a power cut: what was written and not flushed survives it.
"""

import json
import random
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from pydicom import Dataset, dcmread

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from deploy.simulation.phantom import write_phantom
from support.broken_studies import SMALL
from support.modality import store_until_gone
from support.processes import free_port, is_listening, kill, start, wait_until

ROUNDS = 8
SEED = 7


@dataclass(frozen=True)
class Peer:
    """A program that receives: how it is started, and what it holds."""

    name: str
    command: list[str]
    port: int
    held: Callable[[], Iterator[Dataset]]
    """What can be read back while it runs."""


def files_below(folder: Path, pattern: str) -> Iterator[Dataset]:
    """Yield the objects that can be read."""
    for path in folder.glob(pattern):
        try:
            yield dcmread(path)
        except Exception:  # noqa: BLE001, S112 - half a file, however it is broken
            continue


def storescp(folder: Path, *options: str) -> Peer:
    """Return dcmtk's storescp, with more options."""
    port = free_port()
    (folder / "received").mkdir(parents=True)
    command = ["storescp", *options, "+uf", "-aet", "RADTME", "-od", str(folder / "received"), str(port)]
    return Peer("storescp", command, port, lambda: files_below(folder / "received", "*"))


def radtme(folder: Path, **listener: object) -> Peer:
    """Return our listener; ``listener`` is added to its settings."""
    port, metrics = free_port(), free_port()
    folder.mkdir(parents=True)
    ports = {"port": port, "metrics_port": metrics, "min_free_bytes": 0}
    settings = {"data": str(folder), "listener": {**ports, **listener}}
    redis = {"redis": {"url": f"redis://127.0.0.1:{free_port()}/0"}}
    (folder / "radtme.yaml").write_text(json.dumps(settings | redis))
    command = [str(Path(sys.executable).with_name("radtme")), "listen", "--config", str(folder / "radtme.yaml")]
    return Peer("radtme", command, port, lambda: files_below(folder, "spool/studies/*/*/*.dcm"))


def orthanc(folder: Path, **more: object) -> Peer:
    """Return Orthanc as its Debian package configures it, but for ports, folders and ``more``."""
    port, http = free_port(), free_port()
    folder.mkdir(parents=True)
    settings = {
        "StorageDirectory": str(folder / "storage"),
        "IndexDirectory": str(folder / "storage"),
        "DicomAet": "RADTME",
        "DicomPort": port,
        "HttpPort": http,
        "AuthenticationEnabled": False,
        "DicomAlwaysAllowStore": True,
        "OverwriteInstances": True,
        **more,
    }
    (folder / "orthanc.json").write_text(json.dumps(settings))

    def held() -> Iterator[Dataset]:
        def get(path: str) -> bytes:
            with urllib.request.urlopen(f"http://127.0.0.1:{http}{path}", timeout=30) as answer:
                return bytes(answer.read())

        for one in json.loads(get("/instances")):
            yield dcmread(BytesIO(get(f"/instances/{one}/file")))

    return Peer("Orthanc", ["Orthanc", str(folder / "orthanc.json")], port, held)


@contextmanager
def started(peer: Peer, log: Path) -> Iterator[Callable[[], None]]:
    """Run a peer for the block; yields what kills it."""
    process = start(peer.command, log)
    try:
        wait_until(lambda: is_listening(peer.port), 120, f"{peer.name} listens")
        yield lambda: kill(process)
    finally:
        kill(process)


def disturbed(peer: Peer, paths: list[Path], log: Path) -> tuple[int, int]:
    """Return how many objects a peer acknowledged, and how many of them it lost."""
    chance = random.Random(SEED)
    acknowledged: list[Path] = []
    for _ in range(ROUNDS):
        with started(peer, log) as end:
            enough = min(len(acknowledged) + chance.randint(1, 2 * len(paths) // ROUNDS), len(paths))
            watcher = threading.Thread(target=_kill_when, args=(end, acknowledged, enough), daemon=True)
            watcher.start()
            while watcher.is_alive():  # an association may also end early, by a response that got lost
                store_until_gone(peer.port, [path for path in paths if path not in set(acknowledged)], acknowledged)
                time.sleep(0.01)
    with started(peer, log):
        time.sleep(1)
        held = {str(one.SOPInstanceUID): one for one in peer.held()}
    sent = [dcmread(path) for path in acknowledged]
    return len(sent), sum(held.get(str(one.SOPInstanceUID)) != one for one in sent)


def _kill_when(end: Callable[[], None], acknowledged: list[Path], enough: int) -> None:
    """Kill when so many are acknowledged: at a random moment of the object after."""
    while len(acknowledged) < enough:
        time.sleep(0.001)
    end()


def main() -> None:
    """Print a table."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        studies = [write_phantom(folder / "study" / str(seed), seed, **SMALL) for seed in range(8)]
        paths = [path for study in studies for path in study.paths]
        print(f"{len(paths)} objects, {ROUNDS} kills of each\n")
        print("| receiver | acknowledged | of these lost |\n|---|---|---|")
        for make in (storescp, orthanc, radtme):
            peer = make(folder / make.__name__)
            taken, lost = disturbed(peer, paths, folder / f"{peer.name}.log")
            print(f"| {peer.name} | {taken} | {lost} |", flush=True)


if __name__ == "__main__":
    main()
