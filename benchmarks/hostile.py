"""What hostile peers cost: the rate of scoring under attack, and what storescp, Orthanc and radtme keep meanwhile.

The attackers (every attack of ``tests/support/hostile_peers.py`` at once, again and again) run in a process of their
own on the same machine. On two cores they take computing time that the service needs, so the rate is measured in three
states in turn: calm, attacked, and with the attackers at a second listener next door. Attacked against next door is
what the attack costs the service; next door against calm is what it costs the machine. Nagle's algorithm is off
(``TCP_NODELAY=1``) at all senders and receivers.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
from kills import Peer, orthanc, radtme, storescp
from pydicom import dcmread
from pynetdicom import AE

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from deploy.simulation.phantom import write_phantom
from listener.spool.jobs import JobState
from support.disturbed import TINY
from support.hostile_peers import HONEST, HOSTILE_ADDRESS, under_attack
from support.installation import Installation, send
from support.modality import store_until_gone
from support.processes import running, wait_until
from workers.results.result_record import read_result
from workers.scoring.case_result import ResultOutcome

AIM = 0.8
MEBIBYTE = 1 << 20
MODALITY = "MODALITY"
PATIENCE = {
    "acse_timeout_seconds": 2,
    "pdu_timeout_seconds": 2,
    "idle_timeout_seconds": 3,
    "message_timeout_seconds": 3,
}
LISTENER = {
    **PATIENCE,
    "peers": [
        {"ae_title": HONEST, "addresses": ["127.0.0.1", HOSTILE_ADDRESS]},
        {"ae_title": "DCMSEND", "addresses": ["127.0.0.1"]},
        {"ae_title": MODALITY, "addresses": ["127.0.0.1"]},
    ],
    "require_called_ae_title": True,
    "max_inflated_bytes": 64 * MEBIBYTE,
    "max_quarantine_bytes": MEBIBYTE,
}
STATES = ("calm", "attacked", "next door")


@contextmanager
def attackers(port: int, log: Path) -> Iterator[Callable[[], int]]:
    """Attack a port from another process for the block; yields what tells how many attacks have been made so far."""

    def made() -> int:
        return int((log.read_text().split() or ["-1"])[-1])

    log.unlink(missing_ok=True)
    with running([sys.executable, __file__, "--attack", str(port)], log):
        wait_until(lambda: made() >= 0, 120, "the attackers have begun")
        yield made


def attack(port: int) -> None:
    """Attack until terminated; say every second how many attacks were made."""
    with under_attack(port) as done:
        while True:
            print(done.total(), flush=True)
            time.sleep(1)


def cpu_seconds(pid: int) -> float:
    """Return the computing time of a process and of what it started."""
    times = [one.cpu_times() for one in _family(pid)]
    return sum(one.user + one.system for one in times)


def _family(pid: int) -> list[psutil.Process]:
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        if process.status() != psutil.STATUS_ZOMBIE:
            return [process, *process.children(recursive=True)]
    return []


def scored_per_minute(service: Installation, studies: Sequence[Path]) -> float:
    """Send studies; return how many are scored per minute, from the first object sent to the last result."""
    expected = {str(dcmread(study / "seg.dcm", stop_before_pixels=True).SOPInstanceUID) for study in studies}
    start = time.perf_counter()
    for study in studies:
        send(service.dicom_port, study)
    wait_until(lambda: _scored(service) >= expected, 300, "the studies are scored")
    return 60 * len(studies) / (time.perf_counter() - start)


def _scored(service: Installation) -> set[str]:
    found = set()
    for job in service.spool.jobs(JobState.DONE, JobState.DELIVERING):
        result = read_result(job)
        if result is not None and result.outcome is ResultOutcome.SCORED:
            found.add(result.seg.sop_instance_uid)
    return found


def measure_rates(folder: Path, rounds: int, cases: int) -> float:
    """Print the rates of each round; return the median of attacked against calm."""
    number = rounds * len(STATES) * cases + 1
    studies = [folder / "studies" / str(seed) for seed in range(1, number + 1)]
    for seed, study in enumerate(studies, start=1):
        write_phantom(study, seed, **TINY)
    rates: dict[str, list[float]] = {state: [] for state in STATES}
    with (
        Installation(folder / "service", listener=LISTENER) as service,
        Installation(folder / "next-door", listener=LISTENER) as neighbour,
    ):
        service.start()
        neighbour.start("redis", "listen")
        scored_per_minute(service, [studies.pop()])  # a worker's first case imports its libraries
        parts = {part: service.pid(part) for part in ("listen", "work")}
        print(f"{cases} cases of {len(list(studies[0].rglob('*.dcm')))} objects in each measurement\n")
        print(
            "| round | state | cases/min | attacks made | listener CPU s | worker CPU s | load |\n"
            "|---|---|---|---|---|---|---|"
        )
        for turn in range(rounds):
            for state in STATES[turn % 3 :] + STATES[: turn % 3]:
                some = [studies.pop() for _ in range(cases)]
                before = {part: cpu_seconds(pid) for part, pid in parts.items()}
                if state == "calm":
                    attacks = 0
                    rate = scored_per_minute(service, some)
                else:
                    target = service if state == "attacked" else neighbour
                    with attackers(target.dicom_port, folder / "attackers.log") as made:
                        rate = scored_per_minute(service, some)
                        attacks = made()
                rates[state].append(rate)
                used = " | ".join(f"{cpu_seconds(pid) - before[part]:.1f}" for part, pid in parts.items())
                print(
                    f"| {turn + 1} | {state} | {rate:.1f} | {attacks} | {used} | {os.getloadavg()[0]:.1f} |", flush=True
                )
                time.sleep(3)  # what the attackers left behind ends by its timeouts
    ratios = {}
    for state, other in (("attacked", "calm"), ("next door", "calm"), ("attacked", "next door")):
        pairs = [one / two for one, two in zip(rates[state], rates[other], strict=True)]
        ratios[state, other] = statistics.median(pairs)
        print(f"\n{state} / {other}: {ratios[state, other]:.2f} ({min(pairs):.2f}-{max(pairs):.2f})")
    return ratios["attacked", "calm"]


@dataclass
class Seen:
    """What a receiver did under attack."""

    attacks: int
    acknowledged: int
    kept: int
    seconds: float
    alive: bool
    honest_after: float | None
    """Seconds until it took an honest association again."""
    growth: tuple[int, int, int]
    """Processes, descriptors, MiB: more than after the first honest study."""


def holds(pid: int) -> tuple[int, int, int]:
    """Return processes, descriptors and resident MiB of a process and of what it started."""
    family, descriptors, resident = _family(pid), 0, 0
    for one in family:
        with suppress(psutil.NoSuchProcess):
            descriptors += one.num_fds()
            resident += one.memory_info().rss
    return len(family), descriptors, resident // MEBIBYTE


def send_for(port: int, paths: Sequence[Path], acknowledged: list[Path], seconds: float) -> float:
    """Send, and send the rest again, until all is acknowledged or time is over; return the seconds that it took."""
    start = time.monotonic()
    while (left := [path for path in paths if path not in set(acknowledged)]) and time.monotonic() < start + seconds:
        with suppress(RuntimeError):  # no association
            store_until_gone(port, left, acknowledged)
        time.sleep(0.05)
    return time.monotonic() - start


def takes_an_association(port: int, seconds: float) -> float | None:
    """Return after how many seconds an honest C-ECHO was answered."""
    start = time.monotonic()
    while time.monotonic() < start + seconds:
        entity = AE(MODALITY)
        entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = entity.connection_timeout = 5
        entity.add_requested_context("1.2.840.10008.1.1")
        association = entity.associate("127.0.0.1", port, ae_title="RADTME")
        if association.is_established:
            status = association.send_c_echo().get("Status")
            association.release()
            if status == 0:
                return time.monotonic() - start
        association.abort()
        time.sleep(0.2)
    return None


def watch(peer: Peer, paths: Sequence[Path], seconds: float, folder: Path) -> Seen:
    """Attack a receiver while honest objects come; return what it did."""
    first, rest = paths[:25], paths[25:]
    acknowledged: list[Path] = []
    log = folder / f"{peer.name}.log"
    with running(peer.command, log, peer.port, TCP_NODELAY="1") as process:
        in_peace: list[Path] = []
        send_for(peer.port, first, in_peace, 60)
        assert len(in_peace) == len(first), f"{peer.name} took {len(in_peace)} of {len(first)} objects in peace"
        before = holds(process.pid)
        with attackers(peer.port, folder / "attackers.log") as made:
            start = time.monotonic()
            took = send_for(peer.port, rest, acknowledged, seconds)
            time.sleep(max(0.0, seconds - (time.monotonic() - start)))
            attacks = made()
        honest_after = takes_an_association(peer.port, 60)
        time.sleep(8)
        after = holds(process.pid)
        alive = process.poll() is None
        held = {}
        with suppress(OSError):  # it does not answer
            held = {str(one.SOPInstanceUID): one for one in peer.held()}
    sent = [dcmread(path) for path in acknowledged]
    kept = sum(held.get(str(one.SOPInstanceUID)) == one for one in sent)
    growth = (after[0] - before[0], after[1] - before[1], after[2] - before[2])
    return Seen(attacks, len(sent), kept, took, alive, honest_after, growth)


def compare_receivers(folder: Path, seconds: float, names: Sequence[str]) -> None:
    """Print what each receiver did, or each of the named ones."""
    studies = [write_phantom(folder / "compared" / str(seed), 900 + seed, **TINY) for seed in range(5)]
    paths = [path for study in studies for path in study.paths]
    hosts = {"honest": [HONEST, HOSTILE_ADDRESS, 4242], "modality": [MODALITY, "127.0.0.1", 4242]}
    strict = {"DicomModalities": hosts, "DicomCheckCalledAet": True, "DicomCheckModalityHost": True}
    strict |= {"DicomAlwaysAllowStore": False, "DicomScpTimeout": 3}
    limits = ("-ts", "3", "-ta", "2", "-td", "3")
    makers: dict[str, Callable[[Path], Peer]] = {
        "radtme": lambda where: radtme(where, **LISTENER),
        "storescp --fork": lambda where: storescp(where, *limits, "--fork"),
        "storescp": lambda where: storescp(where, *limits),
        "Orthanc": lambda where: orthanc(where, **strict),
        "Orthanc, 50 threads": lambda where: orthanc(where, **strict, DicomThreadsCount=50),
    }
    print(f"\n{len(paths) - 25} honest objects, sent for at most {seconds:g} s while attacked\n")
    print(
        "| receiver | attacks made | acknowledged | of these kept | took s | alive | honest peer taken after "
        "| growth: processes, descriptors, MiB |\n|---|---|---|---|---|---|---|---|"
    )
    for name in names or makers:
        seen = watch(makers[name](folder / name.replace(" ", "")), paths, seconds, folder)
        after = "not within 60 s" if seen.honest_after is None else f"{seen.honest_after:.1f} s"
        growth = ", ".join(f"{one:+d}" for one in seen.growth)
        print(
            f"| {name} | {seen.attacks} | {seen.acknowledged} | {seen.kept} | {seen.seconds:.0f} "
            f"| {'yes' if seen.alive else 'no'} | {after} | {growth} |",
            flush=True,
        )


def main() -> None:
    """Measure and print; exit with 1 where the aim is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--cases", type=int, default=4, help="in each measurement")
    parser.add_argument("--seconds", type=float, default=30, help="of attacks on each receiver")
    parser.add_argument("--only", choices=("rates", "receivers"))
    parser.add_argument("--receiver", action="append", default=[], help="of the comparison; all when none is named")
    parser.add_argument("--attack", type=int, metavar="PORT", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.attack:
        attack(arguments.attack)
        return
    ratio = AIM
    with tempfile.TemporaryDirectory(prefix="radtme-hostile-") as name:
        if arguments.only != "receivers":
            ratio = measure_rates(Path(name), arguments.rounds, arguments.cases)
        if arguments.only != "rates":
            compare_receivers(Path(name), arguments.seconds, arguments.receiver)
    if ratio < AIM:
        raise SystemExit(f"under attack, scoring went on at {ratio:.2f} of its rate; the aim is {AIM}")


if __name__ == "__main__":
    main()
