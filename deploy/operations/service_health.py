"""What runs: the parts by their signs of life in the spool, Redis by asking it, the disk, and the last arrival."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from deploy.configuration.folder_checks import nearest_existing
from deploy.operations.certificate_health import certificate_problems
from deploy.terminal import age, duration, size
from listener.runtime.heartbeat import Part, RunningPart, read_parts
from listener.spool.layout import LAYOUT, WrongLayout, layout_of
from listener.spool.spool import Spool

if TYPE_CHECKING:
    from deploy.network.redis_check import RedisFault

REDIS_SECONDS = 2.0
LONG_WITHOUT_OBJECT = timedelta(days=3)
"""As in the alert RadtmeNothingReceived."""
WITHOUT = {
    Part.LISTENER: "No listener is running: no object is received.",
    Part.COMPUTE: "No compute worker is running: no case is scored.",
    Part.DELIVERY: "No delivery worker is running: no result is sent.",
}
STARTS = {
    Part.LISTENER: "radtme listen",
    Part.COMPUTE: "radtme work --queues compute",
    Part.DELIVERY: "radtme work --queues delivery",
}
"""The command of each part."""
START_ALL = "start it: radtme up, or the services of this installation"
FREE_SPACE = "run radtme retention, or give the disk more space"
FREE_FILES = "remove small files from that file system, or run radtme retention"
MORE_DESCRIPTORS = (
    "raise the limit (ulimit -n, LimitNOFILE of the service), and look for peers that keep connections open"
)
MOUNT_WRITABLE = "mount it read-write (dmesg says why it is not)"
FIND_SENDERS = "look for rejected associations (radtme audit), and at the queues of the senders"


@dataclass(frozen=True)
class PartStatus:
    """One part of the installation."""

    part: Part
    processes: tuple[RunningPart, ...]
    """Those that give signs of life."""
    last_seen_seconds: float | None = None
    """Since the last sign of life of one that ended without saying so."""

    @property
    def runs(self) -> bool:
        """Whether at least one process does this."""
        return bool(self.processes)


@dataclass(frozen=True)
class ServiceHealth:
    """The state of the service at one moment, as far as it can be told from this machine."""

    parts: tuple[PartStatus, ...]
    redis_fault: "RedisFault | None"
    redis_asked: bool
    """False: it is embedded, and the command that starts it does not run."""
    free_bytes: int
    min_free_bytes: int
    last_arrival: datetime | None
    ledger_fault: str | None = None
    """Why the ledger's database cannot be used."""
    free_files: int | None = None
    """Files that can still be made (inodes); None: no limit."""
    is_read_only: bool = False
    """Whether the spool's file system is read-only, seen from here."""
    ledger_asked: bool = True
    """False: nothing ever ran, so that there is no database yet."""
    certificate_problems: tuple[str, ...] = ()
    """A sentence for each certificate that has expired or soon will."""

    @property
    def problems(self) -> list[str]:
        """Return what a person has to look at, in sentences, the most urgent first."""
        return list(self._problems())

    @property
    def summary(self) -> str:
        """Return the state of each part and of Redis, and the last arrival, in one line."""
        said = [f"{one.part.value} {'is running' if one.runs else 'is not running'}" for one in self.parts]
        if self.redis_asked:
            said.append("Redis cannot be used" if self.redis_fault else "Redis answers")
        else:
            said.append("Redis is not running (radtme up starts it)")
        if self.ledger_asked:
            said.append("database cannot be used" if self.ledger_fault else "database answers")
        said.append(f"last object {age(self.last_arrival)} ago" if self.last_arrival else "no object yet")
        return ", ".join(said)

    def _problems(self) -> Iterator[str]:
        if full := full_disk(self.free_bytes, self.min_free_bytes):
            yield f"{full}; {FREE_SPACE}."
        if self.free_files == 0:
            yield f"The disk has room for no more files (df -i), and no object is received; {FREE_FILES}."
        if self.ledger_fault:
            yield f"The ledger's database cannot be used: {self.ledger_fault}. radtme doctor says what to do."
        if self.is_read_only and not any(one.runs for one in self.parts):
            # A part that cannot write gives no signs of life, whether it is running or not.
            yield f"The spool's file system is read-only: no object is received; {MOUNT_WRITABLE}."
        elif not any(one.runs for one in self.parts):
            yield f"Nothing is running: no object is received, no case is scored, no result is sent; {START_ALL}."
        else:
            yield from (_without(one) for one in self.parts if not one.runs)
        yield from filter(None, (_out_of_descriptors(running) for running in self._processes()))
        if self.redis_fault:
            yield f"No case is scored and no result is sent without Redis: {self.redis_fault}."
        yield from self.certificate_problems
        if late := nothing_received(self.last_arrival):
            yield f"N{late[1:]}; {FIND_SENDERS}."

    def _processes(self) -> Iterator[RunningPart]:
        """Yield each process once, also one that does the work of several parts."""
        yield from dict.fromkeys(running for one in self.parts for running in one.processes)


def show_health(console: Console, health: ServiceHealth) -> None:
    """Print what runs, and what of that needs a person."""
    console.print(Text(health.summary), overflow="fold")
    for problem in health.problems:
        console.print(Text(problem, "bold red"), overflow="fold")


def _out_of_descriptors(running: RunningPart) -> str:
    """Return what it means that a process can open hardly any more files and connections; empty where it can."""
    left = running.few_descriptors
    if left is None:
        return ""
    count = "no file descriptors" if left == 0 else f"only {left} file descriptors"
    return (
        f"{' and '.join(running.parts).capitalize()} (process {running.pid} on {running.host}) has {count} left: it "
        f"refuses what needs one; {MORE_DESCRIPTORS}."
    )


def full_disk(free_bytes: int, min_free_bytes: int) -> str:
    """Return that a disk is too full to receive objects; empty where it is not."""
    if free_bytes >= min_free_bytes:
        return ""
    return (
        f"The disk is full: {size(free_bytes)} are free, and below {size(min_free_bytes)} (listener.min_free_bytes) "
        "objects are refused with 0xA700"
    )


def nothing_received(last_arrival: datetime | None) -> str:
    """Return for how long no object came, where that is unusually long; else an empty string."""
    if last_arrival is None or datetime.now(UTC) - last_arrival <= LONG_WITHOUT_OBJECT:
        return ""
    return f"no object was received for {age(last_arrival)}"


def start_of(part: Part) -> str:
    """Return what to do where a part is not running."""
    return f"start it: {STARTS[part]}, or its service"


def _without(one: PartStatus) -> str:
    """Return what a part's absence means, since when it is gone, and what to do."""
    seen = one.last_seen_seconds
    gone = "" if seen is None else f" It gave its last sign of life {duration(seen)} ago;"
    remedy = start_of(one.part)
    return f"{WITHOUT[one.part]}{gone} {remedy if gone else remedy.capitalize()}."


def read_health(
    spool: Spool, min_free_bytes: int, redis_url: str | None, certificates: Mapping[str, Path] = MappingProxyType({})
) -> ServiceHealth:
    """Read the signs of life, and ask Redis, where there is one to ask (``redis_url``).

    ``certificates``: the files of those that are shown to others, by setting.
    """
    running = read_parts(spool.parts)
    ever_ran = spool.root.is_dir()
    last = spool.last_arrival() if ever_ran else None
    disk = Spool(nearest_existing(spool.root))
    return ServiceHealth(
        parts=tuple(_status(part, running) for part in Part),
        redis_fault=_redis_fault(redis_url) if redis_url else None,
        redis_asked=redis_url is not None,
        free_bytes=disk.free_bytes(),
        free_files=disk.free_files(),
        is_read_only=disk.is_read_only(),
        min_free_bytes=min_free_bytes,
        last_arrival=None if last is None else datetime.fromtimestamp(last, UTC),
        ledger_fault=check_ledger(spool),
        ledger_asked=ever_ran,
        certificate_problems=tuple(certificate_problems(certificates)),
    )


def _redis_fault(url: str) -> "RedisFault | None":
    from deploy.network.redis_check import check_redis  # only where there is a Redis: its client is slow to import

    return check_redis(url, REDIS_SECONDS)


def check_ledger(spool: Spool, *, whole: bool = False) -> str | None:
    """Return why the ledger's database cannot be read; None where it can, or where nothing ever ran.

    ``whole``: an embedded one is read to its end, which takes the longer, the more is kept.
    """
    try:
        if layout_of(spool.root) != LAYOUT:
            return None
        from sqlalchemy import select  # only where there is a ledger: a third of what radtme status imports

        with spool.ledger.reading() as connection:
            connection.execute(select(1))
        if whole:
            from listener.ledger.integrity import require_intact

            require_intact(spool.ledger)
    except WrongLayout as error:
        return error.message
    except OSError as error:
        return error.strerror or type(error).__name__
    return None


def _status(part: Part, running: tuple[RunningPart, ...]) -> PartStatus:
    own = [one for one in running if part in one.parts]
    alive = tuple(one for one in own if one.is_alive)
    silent = min((one.seconds_silent for one in own if not one.is_alive), default=None)
    return PartStatus(part, alive, None if alive else silent)
