"""What a process holds, as /proc says it: to be compared before and after something that should leave nothing."""

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Residue:
    """Threads, descriptors and memory of a process."""

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
            threads=int(status["Threads"]),
            descriptors=len(links),
            sockets=sum(link.startswith("socket:") for link in links),
            resident_bytes=int(status["VmRSS"].split()[0]) * 1024,
        )

    def exceeds(self, before: "Residue") -> list[str]:
        """Return what is more than before, memory aside."""
        return [
            f"{name}: {getattr(before, name)} before, {getattr(self, name)} now"
            for name in ("threads", "descriptors", "sockets")
            if getattr(self, name) > getattr(before, name)
        ]
