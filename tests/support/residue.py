"""Threads, descriptors and memory of a process from /proc, to be compared before and after a test."""

import os
from dataclasses import dataclass, fields
from pathlib import Path

import psutil


@dataclass(frozen=True)
class Residue:
    """Threads, descriptors and memory of a process, or of several together."""

    processes: int
    threads: int
    descriptors: int
    sockets: int
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
            descriptors=len(links),
            sockets=sum(link.startswith("socket:") for link in links),
            resident_bytes=int(status["VmRSS"].split()[0]) * 1024,
        )

    @classmethod
    def of_family(cls, pid: int) -> "Residue":
        """Look at a process and all that it started."""
        family = [pid, *(child.pid for child in psutil.Process(pid).children(recursive=True))]
        parts = [cls.of(one) for one in family]
        return cls(*(sum(getattr(part, field.name) for part in parts) for field in fields(cls)))

    def exceeds(self, before: "Residue") -> list[str]:
        """Return what is more than before, memory aside."""
        return [
            f"{name}: {getattr(before, name)} before, {getattr(self, name)} now"
            for name in ("processes", "threads", "descriptors", "sockets")
            if getattr(self, name) > getattr(before, name)
        ]
