"""A clock that a test moves while programs run: a small library stands between them and the system's."""

import subprocess
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

SOURCE = Path(__file__).with_suffix(".c")


class MovedClock:
    """The wall clock of every program that is started with its environment.

    The monotonic clock is left alone, as it is when an administrator or NTP sets the time. Times of files stay the
    system's, which differ from the moved clock by as much as it was moved.
    """

    def __init__(self, folder: Path) -> None:
        self._library, self._file = folder / "moved_clock.so", folder / "moved_clock"
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", self._library, SOURCE], check=True)
        self._file.write_bytes(bytes(8))

    @property
    def environment(self) -> Mapping[str, str]:
        """What a program needs to see this clock."""
        return {"LD_PRELOAD": str(self._library), "MOVED_CLOCK": str(self._file)}

    def move(self, by: timedelta) -> None:
        """Set it so far from the system's clock, at once and for all of its programs."""
        with self._file.open("r+b", buffering=0) as file:
            file.write(int(by.total_seconds()).to_bytes(8, "little", signed=True))
