"""Threads, descriptors and memory of a process from /proc, to be compared before and after a test."""

import os
from dataclasses import dataclass, fields
from pathlib import Path

import psutil

from listener.ledger.database import POOL_SIZE, SQLITE_NAME

LEDGER_FILES = {SQLITE_NAME, f"{SQLITE_NAME}-wal", f"{SQLITE_NAME}-shm"}


@dataclass(frozen=True)
class Residue:
    """Threads, descriptors and memory of a process, or of several together.

    The ledger's connections are counted by themselves: its pool opens and keeps them up to ``POOL_SIZE`` as they are
    needed, so that more of them than before is no leak, but more than the pool may keep is one.
    """

    processes: int
    threads: int
    descriptors: int
    sockets: int
    ledger_connections: int
    resident_bytes: int

    @classmethod
    def of(cls, pid: int) -> "Residue":
        """Look at a process."""
        process = Path("/proc") / str(pid)
        status = dict(line.split(":\t", 1) for line in (process / "status").read_text().splitlines() if ":\t" in line)
        links = []
        for descriptor in os.listdir(process / "fd"):
            try:
                links.append(os.readlink(process / "fd" / descriptor))
            except FileNotFoundError:
                continue
        return cls(
            processes=1,
            threads=int(status["Threads"]),
            descriptors=sum(os.path.basename(link) not in LEDGER_FILES for link in links),
            sockets=sum(link.startswith("socket:") for link in links),
            ledger_connections=sum(os.path.basename(link) == SQLITE_NAME for link in links),
            resident_bytes=int(status["VmRSS"].split()[0]) * 1024,
        )

    @classmethod
    def of_family(cls, pid: int) -> "Residue":
        """Look at a process and all that it started."""
        family = [pid, *(child.pid for child in psutil.Process(pid).children(recursive=True))]
        parts = [cls.of(one) for one in family]
        return cls(*(sum(getattr(part, field.name) for part in parts) for field in fields(cls)))

    def exceeds(self, before: "Residue") -> list[str]:
        """Return what is more than before, or than the ledger's pool may keep, memory aside."""
        allowed = self.processes * POOL_SIZE
        connections = [f"ledger connections: {allowed} allowed, {self.ledger_connections} now"]
        return (connections if self.ledger_connections > allowed else []) + [
            f"{name}: {getattr(before, name)} before, {getattr(self, name)} now"
            for name in ("processes", "threads", "descriptors", "sockets")
            if getattr(self, name) > getattr(before, name)
        ]
