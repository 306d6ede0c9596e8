"""What the status page is told at start."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class StatusPageSettings:
    """The status page: cases, targets, signature and disk in a browser, read only."""

    enabled: bool = False
    """Let `radtme up` serve it; `radtme status-page` does in any case."""
    host: str = "127.0.0.1"
    port: int = 9180
    """0 takes a free port."""
    username: str = "radtme"
    password_file: Path | None = None
    """A file that holds the password, for its owner only; needed on anything but loopback."""
    show_patients: bool = False
    """Show Patient's Name and Patient ID of each case. Without it, the page knows no patient."""
    newest: int = 50
    """How many finished cases are listed."""
